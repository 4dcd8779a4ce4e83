"""The validator `ssh`, with real SSH servers, and with hosts that misbehave."""

import asyncio
import socket

import asyncssh
import pytest
import ssh_server
from ports import free_port
from ssh_server import misbehaving, serving

from launcher.entrypoints.configuration import read_types, read_validator
from launcher.entrypoints.model import Expectation, System
from launcher.errors import ConfigError

HOST = "127.0.0.1"
SYSTEM = System("cluster", "The cluster", HOST)


@pytest.fixture
def files(tmp_path):
    """The files of a host."""
    root = tmp_path / "files"
    for name, mode in {"run": 0o755, "mine": 0o750, "plain": 0o644, "größe ü": 0o755}.items():
        path = root / "opt/envs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
    (root / "etc").mkdir()
    (root / "etc/shadow").write_text("root:*")
    (root / "opt/envs/leak").symlink_to("../../etc/shadow")
    (root / "opt/envs/loop").symlink_to("loop")
    (root / "opt/linked").symlink_to("envs")
    (root / "opt/envs/alias").symlink_to("run")
    return root


@pytest.fixture
async def site(tmp_path, files):
    """A host that accepts the launcher's key."""
    async with serving(tmp_path, files) as site:
        yield site


async def look(site, path, user="alice", executable=True, system=SYSTEM, **options):
    """The report, and at most how long a hanging host takes, as an error of the test."""
    validator = read_validator("ssh", site.options(**options))
    async with asyncio.timeout(30):
        return await validator.check(user, system, Expectation(path, executable))


async def test_an_executable_file_is_found(site):
    report = await look(site, "/opt/envs/run")
    assert report.to_json() == {
        "host": HOST,
        "subject": "/opt/envs/run",
        "result": True,
        "message": "/opt/envs/run exists on 127.0.0.1 and is executable.",
    }
    assert site.logins == ["validator"]


async def test_nothing_is_called_but_realpath_and_stat(site):
    await look(site, "/opt/envs/run", roots=["/opt/envs"])
    await look(site, "/opt/envs/gone")
    assert set(site.requests) == {"realpath", "stat"}


async def test_a_name_of_any_language_is_found(site):
    assert (await look(site, "/opt/envs/größe ü")).result


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/opt/envs/gone", "/opt/envs/gone does not exist on 127.0.0.1, or cannot be reached"),
        ("/opt/envs/run/x", "/opt/envs/run/x does not exist on 127.0.0.1, or cannot be reached"),
        ("/opt/envs/loop", "/opt/envs/loop does not exist on 127.0.0.1, or cannot be reached"),
        ("/opt/envs/plain", "/opt/envs/plain is not executable on 127.0.0.1; chmod +x"),
        ("/opt/envs", "/opt/envs is not a file on 127.0.0.1."),
    ],
)
async def test_what_cannot_be_executed_is_said(site, path, message):
    report = await look(site, path)
    assert not report.result
    assert report.message.startswith(message)


async def test_what_only_some_may_execute_is_said(site):
    report = await look(site, "/opt/envs/mine")
    assert report.result
    assert report.message.endswith("is executable for its owner or group.")


async def test_a_file_may_have_to_exist_only(site):
    assert (await look(site, "/opt/envs/plain", executable=False)).result


async def test_a_link_inside_the_roots_is_followed(site):
    assert (await look(site, "/opt/envs/alias", roots=["/opt/envs"])).result
    assert (await look(site, "/opt/linked/run", roots=["/opt/linked"])).result
    assert (await look(site, "/opt/envs/run", roots=["/opt/linked"])).result


async def test_a_link_out_of_the_roots_is_refused(site):
    report = await look(site, "/opt/envs/leak", roots=["/opt/envs"], executable=False)
    assert not report.result
    assert report.message == (
        "A symbolic link in the path leads outside of what this site allows: /opt/envs."
    )


async def test_a_path_outside_of_the_roots_is_refused(site):
    report = await look(site, "/etc/shadow", roots=["/opt/envs", "/none"], executable=False)
    assert not report.result
    assert report.message == "The path is outside of what this site allows: /opt/envs, /none."


async def test_a_link_does_not_tell_what_is_in_the_directories_of_others(site, files):
    (files / "opt/envs/guess").symlink_to("../../etc/no-such-file")
    present, absent = [
        await look(site, f"/opt/envs/{name}", roots=["/opt/envs"], executable=False)
        for name in ("leak", "guess")
    ]
    assert present.message == absent.message


async def test_a_link_out_of_the_host_is_refused(site, files):
    (files / "opt/envs/out").symlink_to("../../../../../../../etc/passwd")
    assert not (await look(site, "/opt/envs/out", executable=False)).result


async def test_everybody_can_log_in_for_themselves(site):
    await look(site, "/opt/envs/run", user="alice", username="{username}")
    await look(site, "/opt/envs/run", user="bob", username="hub-{username}")
    assert site.logins == ["alice", "hub-bob"]


@pytest.mark.parametrize("user", ["a\x00b", "a\ud800", "-oProxyCommand=touch PWN", "x" * 5000])
async def test_a_strange_name_is_a_report(site, user):
    report = await look(site, "/opt/envs/gone", user=user, username="{username}")
    assert not report.result
    assert report.message.endswith(".")


async def test_a_system_without_a_hostname_is_not_looked_at(site):
    report = await look(site, "/opt/envs/run", system=System("here", "Here"))
    assert not report.result
    assert report.message.startswith("Here has no hostname in the launcher's configuration")
    assert site.logins == []


# hosts that cannot be trusted, or do not answer


async def test_a_wrong_host_key_ends_it_before_the_login(site):
    site.trust(asyncssh.generate_private_key("ssh-ed25519"))
    report = await look(site, "/opt/envs/run")
    assert not report.result
    assert report.message.startswith("127.0.0.1 does not have the host key that the launcher knows")
    assert site.logins == []


async def test_an_unknown_host_is_not_trusted_on_first_use(site):
    site.known_hosts.write_text("")
    report = await look(site, "/opt/envs/run")
    assert "does not have the host key" in report.message
    assert site.logins == []
    assert site.known_hosts.read_text() == ""


async def test_a_refused_login_is_said(site):
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(site.key_file)
    report = await look(site, "/opt/envs/run")
    assert not report.result
    assert report.message == (
        "127.0.0.1 refuses the launcher's login, so nothing was looked at there."
    )


async def test_a_host_that_is_away_is_said(site):
    report = await look(site, "/opt/envs/run", port=free_port())
    assert report.message == "127.0.0.1 cannot be reached: the connection was refused."


async def test_a_name_that_does_not_resolve_is_said(site):
    report = await look(site, "/x", system=System("a", "A", "no-such-host.invalid"))
    assert report.message == "The name no-such-host.invalid cannot be resolved."


async def test_a_host_without_sftp_is_said(tmp_path, files):
    async with serving(tmp_path, files, sftp=None) as site:
        report = await look(site, "/opt/envs/run")
    assert not report.result
    assert report.message == "127.0.0.1 does not offer SFTP, so nothing was looked at there."


async def test_a_host_that_accepts_everybody_is_refused(tmp_path, files):
    async with serving(tmp_path, files, is_open=True) as site:
        report = await look(site, "/opt/envs/run")
    assert not report.result
    assert "refuses" in report.message


async def test_a_silent_host_ends_in_time_and_is_left(tmp_path):
    left = asyncio.Event()

    async def silent(reader, _writer):
        while await reader.read(1000):
            pass
        left.set()

    async with misbehaving(tmp_path, silent) as site:
        report = await look(site, "/opt/envs/run", timeout=0.5)
        assert report.message == ("127.0.0.1 did not answer within 0.5 seconds; try again later.")
        await asyncio.wait_for(left.wait(), 10)


@pytest.mark.parametrize("kind", [ssh_server.closing, ssh_server.web, ssh_server.endless])
async def test_a_host_that_speaks_no_ssh_is_said(tmp_path, kind):
    async with misbehaving(tmp_path, kind) as site:
        report = await look(site, "/opt/envs/run", timeout=5)
    assert not report.result
    assert report.message.startswith("127.0.0.1 ")
    assert report.message.endswith(".")


async def test_a_stat_that_hangs_ends_in_time(tmp_path, files):
    async with serving(tmp_path, files, sftp=ssh_server.HangingFiles) as site:
        report = await look(site, "/opt/envs/run", timeout=1)
    assert report.message == "127.0.0.1 did not answer within 1 seconds; try again later."


@pytest.mark.parametrize("kind", [ssh_server.LyingFiles, ssh_server.SparseFiles])
async def test_an_answer_that_makes_no_sense_is_a_failure(tmp_path, files, kind):
    async with serving(tmp_path, files, sftp=kind) as site:
        assert not (await look(site, "/opt/envs/run")).result


async def test_many_checks_of_one_host_wait_for_each_other(site):
    validator = read_validator("ssh", site.options())
    expected = Expectation("/opt/envs/run", executable=True)
    reports = await asyncio.gather(*(validator.check("alice", SYSTEM, expected) for _ in range(20)))
    assert all(report.result for report in reports)


# nothing of the account that runs the launcher is used


async def test_keys_and_files_of_the_account_are_not_used(site, tmp_path, monkeypatch):
    own = tmp_path / "home/.ssh"
    own.mkdir(parents=True)
    (own / "id_ed25519").write_bytes(site.key_file.read_bytes())
    (own / "known_hosts").write_text(site.known_hosts.read_text())
    touched = tmp_path / "touched"
    (own / "config").write_text(f"Host *\n  ProxyCommand touch {touched}\n  User root\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        agent.setblocking(False)
        assert (await look(site, "/opt/envs/run")).result
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(site.key_file)
        assert "refuses the launcher's login" in (await look(site, "/opt/envs/run")).message
        site.known_hosts.write_text("")
        assert "host key" in (await look(site, "/opt/envs/run")).message
        with pytest.raises(BlockingIOError):
            agent.accept()
    assert site.logins == ["validator"]
    assert not touched.exists()


@pytest.mark.parametrize("name", ["known_hosts", "key_file"])
async def test_a_file_that_was_removed_since_the_start_is_said(site, name, written):
    validator = read_validator("ssh", site.options())
    getattr(site, name).unlink()
    report = await validator.check("alice", SYSTEM, Expectation("/opt/envs/run", True))
    assert not report.result
    assert report.message.startswith("The launcher has no usable key or list of known hosts for")
    assert "a host cannot be looked at" in written.getvalue()


async def test_a_key_with_a_passphrase_is_refused_at_the_start(site):
    site.key.write_private_key(site.key_file, "pkcs8-pem", passphrase="very secret")
    with pytest.raises(ConfigError, match="client_keys or known_hosts cannot be used: ") as raised:
        read_validator("ssh", site.options())
    assert "very secret" not in str(raised.value)


async def test_a_key_that_was_replaced_is_used(site):
    validator = read_validator("ssh", site.options())
    expected = Expectation("/opt/envs/run", executable=True)
    key = site.key_file.read_bytes()
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(site.key_file)
    assert not (await validator.check("alice", SYSTEM, expected)).result
    site.key_file.write_bytes(key)
    assert (await validator.check("alice", SYSTEM, expected)).result


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"known_hosts": None}, "c.Launcher.validator_options.known_hosts "),
        ({"known_hosts": "/nonexistent"}, "c.Launcher.validator_options.known_hosts "),
        ({"client_keys": []}, "c.Launcher.validator_options.client_keys "),
        ({"client_keys": None}, "c.Launcher.validator_options.client_keys "),
        ({"client_keys": ["/nonexistent"]}, "c.Launcher.validator_options.client_keys[0] "),
        ({"username": ""}, "c.Launcher.validator_options.username "),
        ({"username": "-oProxyCommand=id"}, "c.Launcher.validator_options.username "),
        ({"port": 0}, "c.Launcher.validator_options.port "),
        ({"port": True}, "c.Launcher.validator_options.port "),
        ({"roots": ["envs"]}, "c.Launcher.validator_options.roots "),
        ({"timeout": "10"}, "c.Launcher.validator_options.timeout "),
        ({"password": "secret"}, "c.Launcher.validator_options: SshValidator"),
    ],
)
async def test_a_mistake_in_the_options_is_named(site, changed, named):
    with pytest.raises(ConfigError) as raised:
        read_validator("ssh", site.options(**changed))
    assert str(raised.value).startswith(named)


@pytest.mark.parametrize("name", ["known_hosts", "client_keys", "username"])
async def test_what_has_no_default_has_to_be_set(site, name):
    options = site.options()
    del options[name]
    with pytest.raises(ConfigError, match=f"c.Launcher.validator_options: .*{name}"):
        read_validator("ssh", options)


async def test_a_conda_environment_of_another_host_is_checked(site, files):
    prefix = files / "opt/envs/analysis"
    for name in ("bin/jupyterhub-singleuser", "conda-meta/history"):
        (prefix / name).parent.mkdir(parents=True)
        (prefix / name).touch(0o755)
    conda = read_types([{"name": "conda"}])["conda"]
    validator = read_validator("ssh", site.options(roots=["/opt/envs"]))
    report = await conda.validate("alice", SYSTEM, {"path": "/opt/envs/analysis"}, validator)
    assert report.result, report
    assert [host.host for host in report.hosts] == [HOST, HOST]
