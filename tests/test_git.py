"""Git as a child process, against a real git host over https."""

import asyncio
import random
import tempfile
from pathlib import Path

import pytest
from git_host import GitSite
from ports import free_port

from launcher import git
from launcher.errors import (
    ConfigError,
    GitCredentialRefused,
    GitHostBusy,
    GitHostTimeout,
    GitHostUnavailable,
    GitHostUntrusted,
    NotFound,
)

SECRET = "glpat-A1b2C3d4E5f6G7h8J9k0"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    running = GitSite(tmp_path_factory.mktemp("git")).start()
    running.add("group/open")
    running.add("group/closed", private=True, levels={"alice": "developer", "guest": "guest"})
    running.tokens.update({SECRET: "alice", "of-bob": "bob", "of-guest": "guest"})
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _behaved(request):
    yield
    if "site" in request.fixturenames:
        request.getfixturevalue("site").misbehaves = ""


def remote(site, path="group/open.git", token="", **changed):
    login = git.Login("oauth2", token) if token else None
    values = {
        "url": f"{site.url}/{path}",
        "host": site.url,
        "display_name": "The lab's GitLab",
        "ca_file": site.ca_file,
        "login": login,
    }
    return git.Remote(**{**values, **changed})


def repository(site, path="group/open"):
    return site.project(path).repository


async def test_this_machine_has_a_git_that_is_new_enough():
    await git.Git().check()


async def test_a_missing_or_old_git_is_a_sentence_that_says_what_to_install(tmp_path):
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    for program in (old, tmp_path / "missing"):
        with pytest.raises(ConfigError, match=r"install git 2\.37"):
            await git.Git(str(program)).check()


async def test_branches_tags_and_head_are_listed(site):
    made = repository(site)
    tip = made.tip()
    made.commit(branch="dev/ünï")
    tag = made.tag("v1", tip, annotated=True)
    every = await git.Git().ls_remote(remote(site))
    assert every.refs["refs/heads/main"] == tip
    assert every.refs["refs/heads/dev/ünï"] == made.tip("dev/ünï")
    assert (every.refs["refs/tags/v1"], every.refs["refs/tags/v1^{}"]) == (tag, tip)
    head = await git.Git().ls_remote(remote(site), head=True)
    assert (head.head, head.refs["HEAD"]) == ("main", tip)
    one = await git.Git().ls_remote(remote(site), ["refs/heads/main"])
    assert list(one.refs) == ["refs/heads/main"]


async def test_a_private_project_needs_a_token(site):
    closed = "group/closed.git"
    found = await git.Git().ls_remote(remote(site, closed, SECRET), head=True)
    assert found.head == "main"
    for token in ("", "of-bob", "of-guest"):
        with pytest.raises(NotFound, match="does not exist on The lab's GitLab, or you cannot"):
            await git.Git().ls_remote(remote(site, closed, token))
    with pytest.raises(NotFound):
        await git.Git().ls_remote(remote(site, "group/nothing.git"))


async def test_a_token_that_was_revoked_is_named_as_the_reason(site):
    with pytest.raises(GitCredentialRefused, match="expired or was revoked"):
        await git.Git().ls_remote(remote(site, "group/closed.git", "revoked"))


async def test_a_commit_without_a_branch_is_found_by_its_sha(site):
    made = repository(site)
    tip = made.tip()
    hidden = made.commit(branch="temporary")
    made.commit(branch="temporary")
    assert await git.Git().find_commit(remote(site), hidden) == hidden
    made.git("update-ref", "-d", "refs/heads/temporary")
    assert await git.Git().find_commit(remote(site), hidden) == hidden
    tag = made.tag("peeled", tip, annotated=True)
    assert await git.Git().find_commit(remote(site), tag) == tip


async def test_a_commit_that_does_not_exist_is_not_found(site):
    with pytest.raises(NotFound, match="no such commit"):
        await git.Git().find_commit(remote(site), "e" * 40)
    blob = repository(site).git("rev-parse", "main:README.md")
    with pytest.raises(NotFound):
        await git.Git().find_commit(remote(site), blob)


async def test_a_host_without_protocol_2_does_not_tell_about_hidden_commits(site):
    made = site.add("group/old")
    hidden = made.commit(branch="temporary")
    made.git("update-ref", "-d", "refs/heads/temporary")
    site.speaks_only_version_0 = True
    try:
        with pytest.raises(git.CommitUncertain):
            await git.Git().find_commit(remote(site, "group/old.git"), hidden)
    finally:
        site.speaks_only_version_0 = False


@pytest.mark.parametrize(
    ("how", "error", "sentence"),
    [
        ("redirect", GitHostUnavailable, "redirects to another address"),
        ("error", GitHostUnavailable, "HTTP 500"),
        ("throttle", GitHostBusy, "limits the number of requests"),
    ],
)
async def test_each_failure_of_the_host_is_a_sentence(site, how, error, sentence, written):
    site.misbehaves = how
    with pytest.raises(error, match=sentence) as raised:
        await git.Git().ls_remote(remote(site, token=SECRET))
    assert "127.0.0.1" not in raised.value.detail
    assert "postgres" not in raised.value.detail + written.getvalue()
    assert SECRET not in written.getvalue()


async def test_a_redirect_is_not_followed(site, tmp_path):
    other = GitSite(tmp_path).start()
    try:
        site.misbehaves, site.redirect_to = "redirect", f"{other.url}/group/open.git/info/refs"
        with pytest.raises(GitHostUnavailable):
            await git.Git().ls_remote(remote(site, token=SECRET))
        assert other.seen == []
    finally:
        other.stop()


async def test_a_host_that_hangs_is_given_up_and_no_process_stays(site):
    site.misbehaves = "hang"
    with pytest.raises(GitHostTimeout, match=r"within 0\.5 seconds"):
        await git.Git(seconds=0.5).ls_remote(remote(site))
    assert _commands(site) == []


async def test_a_look_at_a_commit_leaves_no_files_behind(site, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await git.Git().find_commit(remote(site), repository(site).tip())
    site.misbehaves = "hang"
    with pytest.raises(GitHostTimeout):
        await git.Git(seconds=0.5).find_commit(remote(site), "e" * 40)
    assert list(tmp_path.iterdir()) == []


async def test_a_host_that_sends_all_files_with_a_commit_is_stopped(site):
    made = site.add("group/large")
    made.git("config", "uploadpack.allowFilter", "false")
    made.commit({"data": random.Random(1).randbytes(2**18).hex()})
    tip = made.tip()
    large = remote(site, "group/large.git")
    assert await git.Git().find_commit(large, tip) == tip
    with pytest.raises(git.CommitUncertain):
        await git.Git(max_file=2**16).find_commit(large, tip)


async def test_a_host_cannot_fill_the_memory_with_a_commit(site):
    made = site.add("group/wordy")
    person = "A <a@example.org> 1700000000 +0000"
    head = f"tree {made.git('rev-parse', 'main^{tree}')}\nauthor {person}\ncommitter {person}\n\n"
    content = head.encode() + b"a" * 2**26
    sha = made.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=content)
    made.git("update-ref", "refs/heads/main", sha)
    wordy = remote(site, "group/wordy.git")
    assert await git.Git().find_commit(wordy, sha) == sha
    with pytest.raises(git.CommitUncertain):
        await git.Git(max_memory=2**26).find_commit(wordy, sha)


async def test_a_host_cannot_fill_the_memory_with_branches(site):
    site.misbehaves = "endless"
    with pytest.raises(GitHostUnavailable, match="sends more than the launcher reads"):
        await git.Git(max_memory=2**27).ls_remote(remote(site))
    assert _commands(site) == []


async def test_an_eighth_of_the_memory_is_enough_for_a_usual_project(site):
    small = git.Git(max_memory=git.MAX_MEMORY // 8)
    tip = repository(site).tip()
    assert (await small.ls_remote(remote(site), head=True)).refs["HEAD"] == tip
    assert await small.find_commit(remote(site), tip) == tip


async def test_a_host_that_hangs_does_not_block_other_hosts(site, tmp_path):
    other = GitSite(tmp_path).start()
    try:
        other.add("group/open")
        site.seen.clear()
        site.misbehaves = "hang"
        shared = git.Git(seconds=20)
        hanging = [
            asyncio.create_task(shared.ls_remote(remote(site))) for _ in range(git.MAX_AT_ONCE)
        ]
        while len(site.seen) < git.MAX_PER_HOST:
            await asyncio.sleep(0.01)
        elsewhere = remote(other, ca_file=other.ca_file)
        assert (await shared.ls_remote(elsewhere, head=True)).head == "main"
        assert not any(each.done() for each in hanging)
        for each in hanging:
            each.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
    finally:
        other.stop()


@pytest.mark.parametrize("how", ["nonsense", "flood"])
async def test_a_host_that_answers_with_pages_is_no_git_host(site, how):
    site.misbehaves = how
    with pytest.raises(GitHostUnavailable, match="does not answer as a git host does"):
        await git.Git().check_host(remote(site))


@pytest.mark.parametrize("version_0", [False, True])
async def test_an_empty_project_is_on_a_git_host(site, version_0):
    site.add("group/empty").git("update-ref", "-d", "refs/heads/main")
    site.speaks_only_version_0 = version_0
    try:
        await git.Git().check_host(remote(site, "group/empty.git"))
        await git.Git().check_host(remote(site))
    finally:
        site.speaks_only_version_0 = False


async def test_a_host_that_is_away_is_said_to_be():
    away = f"https://127.0.0.1:{free_port()}"
    with pytest.raises(GitHostUnavailable, match="cannot be reached"):
        await git.Git().ls_remote(git.Remote(f"{away}/a.git", away, "GitLab"))


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        ({"address": "127.0.0.2"}, "another host"),
        ({"days": -1}, "not trusted or has expired"),
        ({"own": True}, "not trusted or has expired"),
    ],
)
async def test_a_wrong_certificate_is_refused(tmp_path, certificate, sentence):
    site = GitSite(tmp_path, certificate=certificate).start()
    try:
        with pytest.raises(GitHostUntrusted, match=sentence):
            await git.Git().ls_remote(remote(site, token=SECRET))
        assert site.seen == []
    finally:
        site.stop()


async def test_an_authority_that_was_not_configured_is_not_trusted(site):
    with pytest.raises(GitHostUntrusted, match="ca_file"):
        await git.Git().ls_remote(remote(site, ca_file=""))


async def test_too_much_output_ends_the_command(site):
    with pytest.raises(GitHostUnavailable, match="too many branches"):
        await git.Git(max_output=20).ls_remote(remote(site))


async def test_git_connects_to_the_given_address_only(tmp_path):
    site = GitSite(tmp_path, certificate={"address": "git.example.org"}).start()
    try:
        site.add("open")
        name = f"https://git.example.org:{site.port}"
        pinned = remote(site, url=f"{name}/open.git", host=name, addresses=("127.0.0.1",))
        assert (await git.Git().ls_remote(pinned, head=True)).head == "main"
    finally:
        site.stop()


async def test_the_token_is_sent_to_its_host_and_not_on_the_command_line(site):
    site.seen.clear()
    site.misbehaves = "hang"
    call = asyncio.create_task(git.Git(seconds=20).ls_remote(remote(site, token=SECRET)))
    while not site.seen:
        await asyncio.sleep(0.01)
    commands = b" ".join(_commands(site))
    assert b"git-remote-https" in commands
    assert SECRET.encode() not in commands
    assert site.seen[0].authorization.encode() not in commands
    assert site.seen[0].authorization == git.Login("oauth2", SECRET).header.split(": ")[1]
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert _commands(site) == []


async def test_the_token_of_another_host_is_not_sent(site):
    site.seen.clear()
    await git.Git().ls_remote(remote(site, token=SECRET, host="https://git.example.org"))
    assert {each.authorization for each in site.seen} == {""}


@pytest.mark.parametrize(
    "url",
    [
        "file:///work/main",
        "/work/main",
        "ext::sh -c touch%20PWNED",
        "ssh://git@127.0.0.1/a",
        "http://127.0.0.1:1/a",
        "git://127.0.0.1/a",
        "--upload-pack=touch PWNED",
    ],
)
async def test_no_other_protocol_is_spoken(url, tmp_path):
    with pytest.raises((GitHostUnavailable, NotFound)):
        await git.Git().ls_remote(git.Remote(url, "https://127.0.0.1", "GitLab"))
    assert not list(tmp_path.parent.rglob("PWNED"))
    assert not Path("/PWNED").exists()


async def test_settings_of_the_user_and_of_the_launcher_have_no_effect(site, tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text(f'[url "file:///nowhere"]\n\tinsteadOf = {site.url}\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert (await git.Git().ls_remote(remote(site), head=True)).head == "main"
    with pytest.raises(GitHostUntrusted):
        await git.Git().ls_remote(remote(site, ca_file=""))


def test_a_login_does_not_show_its_password():
    assert SECRET not in repr(git.Remote("u", "h", "d", login=git.Login("oauth2", SECRET)))


def _commands(site):
    """The command lines of all processes on this machine that call the site."""
    lines = [_command(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [line for line in lines if site.url.encode() in line]


def _command(entry):
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
