"""launcher doctor: git, the git hosts, and their certificates."""

import contextlib
import gc

import git_sites
import pytest
from environments import HOOK_TOKEN
from ports import free_port


@pytest.fixture
def start_host(tmp_path):
    """Starts git hosts."""
    with contextlib.ExitStack() as running:

        def start(name="host", **certificate):
            made = {"address": "127.0.0.1", "days": 90, **certificate}
            site = git_sites.start(tmp_path / name, "git", certificate=made)
            running.callback(site.stop)
            return site

        yield start


@pytest.fixture
def git_doctor(doctor):
    """Runs the command with git hosts."""

    def run(*hosts):
        text = f"c.Launcher.git_hosts = {list(hosts)!r}\nc.Launcher.hook_token = {HOOK_TOKEN!r}\n"
        return doctor(config=text)

    return run


def entry(site, **changed):
    return git_sites.entry(site, "git", **changed)


def test_without_git_hosts_git_is_not_checked(doctor):
    assert "c.Launcher.git_hosts" in doctor().detail("git", "skipped")


@pytest.mark.parametrize("misbehaves", ["", "redirect", "flood"])
def test_a_host_that_answers_with_whatever_page(git_doctor, start_host, misbehaves):
    host = start_host()
    host.misbehaves = misbehaves
    report = git_doctor(entry(host))
    said = report.detail("git", "ok")
    assert said == f"git can be run, and each git host answers: {host.url}."
    assert host.url.removeprefix("https://") in report.detail("certificates", "ok")
    # a redirect is not followed
    assert [(each.method, each.path, each.authorization) for each in host.seen] == [
        ("GET", "/", "")
    ]


def test_a_host_that_fails_and_one_that_is_away(git_doctor, start_host):
    failing = start_host("failing")
    gone = f"https://127.0.0.1:{free_port()}"
    failing.misbehaves = "error"
    report = git_doctor(entry(failing), entry(failing, url=gone))
    said = report.detail("git", "failed")
    assert f"{failing.url} cannot be used: it answers with an error (HTTP 500)." in said
    assert f"{gone} cannot be used: the connection was refused." in said
    assert gone.removeprefix("https://") in report.detail("certificates", "failed")
    assert report.status == 1


# as the command ends, TLS waits for an answer of these hosts
@pytest.mark.filterwarnings("ignore:unclosed")
def test_hosts_that_hang(git_doctor, start_host, mocker):
    mocker.patch("launcher.cli.doctor.checks.git.SECONDS", 1.0)
    hosts = [start_host(name) for name in ("one", "two")]
    for host in hosts:
        host.misbehaves = "hang"
    said = git_doctor(*map(entry, hosts)).detail("git", "failed")
    for host in hosts:
        assert f"{host.url} cannot be used: it did not " in said
    gc.collect()


@pytest.mark.parametrize(
    ("certificate", "changed", "reason"),
    [
        ({}, {"ca_file": ""}, "its certificate is not trusted ("),
        ({"days": -1}, {}, "its certificate is not trusted (certificate has expired)"),
        ({"address": "127.0.0.2"}, {}, "its certificate is for another host"),
    ],
)
def test_a_host_whose_certificate_is_not_trusted(
    git_doctor, start_host, certificate, changed, reason
):
    host = start_host(**certificate)
    report = git_doctor(entry(host, **changed))
    for name in ("git", "certificates"):
        assert reason in report.detail(name, "failed")
        # git does not read it
        assert "SSL_CERT_FILE" not in report.detail(name, "failed")
    assert report.fix("certificates").startswith('"ca_file": ')


def test_a_certificate_of_a_host_that_ends_soon(git_doctor, start_host):
    host = start_host(days=3)
    assert "Renew it soon" in git_doctor(entry(host)).detail("certificates", "warning")


def test_a_name_with_an_address_of_a_private_network_is_not_connected_to(git_doctor, start_host):
    host = start_host()
    url = host.url.replace("127.0.0.1", "localhost")
    report = git_doctor(entry(host, url=url, allow_private=False))
    for name in ("git", "certificates"):
        assert "sets allow_private in c.Launcher.git_hosts" in report.detail(name, "failed")
    assert host.seen == []


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (None, "git cannot be run: install git 2.37 or later."),
        ("echo git version 2.36.1", "git is too old: install git 2.37 or later."),
    ],
)
def test_a_machine_without_the_git_that_projects_need(
    git_doctor, start_host, tmp_path, monkeypatch, program, sentence
):
    folder = tmp_path / "programs"
    folder.mkdir()
    if program:
        (folder / "git").write_text(f"#!/bin/sh\n{program}\n")
        (folder / "git").chmod(0o755)
    host = start_host()
    monkeypatch.setenv("PATH", str(folder))
    assert git_doctor(entry(host)).detail("git", "failed") == sentence


def test_the_limit_of_time_of_git(git_doctor, start_host, tmp_path, monkeypatch, mocker):
    mocker.patch("launcher.cli.doctor.checks.git.SECONDS", 0.5)
    (tmp_path / "git").write_text("#!/bin/sh\nsleep 600\n")
    (tmp_path / "git").chmod(0o755)
    host = start_host()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "did not print its version within 0.5 s" in git_doctor(entry(host)).detail(
        "git", "failed"
    )
