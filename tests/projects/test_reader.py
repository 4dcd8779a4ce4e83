"""Which commit a name means, on a real git host with the API of each product."""

import asyncio
import hashlib
import itertools

import git_sites
import pytest
from git_sites import WITH_API, credential, reading, repository
from ports import free_port

from launcher.errors import (
    BadRequest,
    Forbidden,
    GitCredentialRefused,
    GitHostBusy,
    GitHostTimeout,
    GitHostUnavailable,
    GitHostUntrusted,
    NotFound,
)
from launcher.projects.hosts import read_git_hosts
from launcher.projects.model import GitCredential, RefKind
from launcher.projects.repositories import parse_url

every_provider = pytest.mark.parametrize("provider", git_sites.APIS)
every_api = pytest.mark.parametrize("provider", WITH_API)


def found_by(resolved):
    return resolved.commit, resolved.branch, resolved.kind


@every_provider
async def test_branches_tags_head_and_full_shas_are_resolved(provider, site_of):
    site = site_of(provider)
    made = site.project("group/open").repository
    tip = made.tip()
    dev = made.commit(branch=f"{provider}/dev")
    hidden = made.commit(branch=f"{provider}/dev", parent=tip, message="Pushed by force")
    made.tag(f"v1-{provider}", dev, annotated=True)
    made.tag(f"light-{provider}", tip)
    given = repository(site, provider)
    async with reading(given.host) as reader:

        async def resolve(name):
            return found_by(await reader.resolve(given, name))

        assert await resolve("HEAD") == (made.tip(), "main", RefKind.BRANCH)
        assert await resolve("main") == (made.tip(), "main", RefKind.BRANCH)
        assert await resolve(f"refs/heads/{provider}/dev") == (
            hidden,
            f"{provider}/dev",
            RefKind.BRANCH,
        )
        assert await resolve(f"v1-{provider}") == (dev, None, RefKind.TAG)
        assert await resolve(f"refs/tags/light-{provider}") == (tip, None, RefKind.TAG)
        assert await resolve(dev.upper()) == (dev, None, RefKind.COMMIT)


@every_provider
async def test_short_shas_are_resolved(provider, site_of):
    site = site_of(provider)
    given = repository(site, provider)
    tip = site.project("group/open").repository.tip()
    async with reading(given.host) as reader:
        for sha in (tip[:7], tip[:12].upper(), tip[:39], tip):
            assert (await reader.resolve(given, sha)).commit == tip
            assert (await reader.resolve_commit(given, sha)).commit == tip


@every_api
async def test_the_api_finds_short_shas_of_commits_without_a_branch(provider, site_of):
    site = site_of(provider)
    made = site.project("group/open").repository
    older = made.tip()
    made.commit()
    given = repository(site, provider)
    async with reading(given.host) as reader:
        assert (await reader.resolve_commit(given, older[:8])).commit == older


async def test_plain_git_asks_for_the_full_sha_of_commits_without_a_branch(site_of):
    site = site_of("git")
    made = site.add("group/history")
    older = made.tip()
    made.commit()
    given = repository(site, "git", "group/history")
    async with reading(given.host) as reader:
        with pytest.raises(NotFound, match="give all 40 digits"):
            await reader.resolve(given, older[:8])


async def test_a_short_sha_that_means_two_commits_is_refused(site_of):
    site = site_of("git")
    made = site.add("group/many")
    for number, content in enumerate(_alike(made.git("rev-parse", "main^{tree}"))):
        sha = made.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=content)
        made.git("update-ref", f"refs/heads/alike-{number}", sha)
    given = repository(site, "git", "group/many")
    async with reading(given.host) as reader:
        with pytest.raises(BadRequest, match="Several commits begin with"):
            await reader.resolve(given, sha[:7])
        assert (await reader.resolve(given, sha[:20])).commit == sha


def _alike(tree):
    """Two commits whose shas have the same first 7 digits."""
    seen = {}
    for number in itertools.count():
        person = "A <a@example.org> 1700000000 +0000"
        content = f"tree {tree}\nauthor {person}\ncommitter {person}\n\n{number}\n".encode()
        digits = hashlib.sha1(b"commit %d\0" % len(content) + content).hexdigest()[:7]
        if digits in seen:
            return seen[digits], content
        seen[digits] = content


@every_provider
async def test_what_does_not_exist_is_not_found(provider, site_of):
    site = site_of(provider)
    given = repository(site, provider)
    async with reading(given.host) as reader:
        for name in ("nothing", "a;b", "$(id)", "e" * 40, "e" * 8, "refs/heads/nothing"):
            with pytest.raises(NotFound):
                await reader.resolve(given, name)
        nowhere = repository(site, provider, "group/nothing")
        for name in ("main", "HEAD", "e" * 40, "e" * 8):
            with pytest.raises(NotFound):
                await reader.resolve(nowhere, name)


@every_provider
async def test_a_name_that_is_an_option_is_refused_before_the_host_is_asked(provider, site_of):
    site = site_of(provider)
    given = repository(site, provider)
    async with reading(given.host) as reader:
        for name in ("--upload-pack=touch PWN", "-x", "a b", ""):
            with pytest.raises(BadRequest):
                await reader.resolve(given, name)
    assert site.seen == []


@every_provider
async def test_a_branch_with_a_name_of_digits_is_no_commit(provider, site_of):
    site = site_of(provider)
    made = site.add("group/misleading")
    made.commit(branch="deadbeef")
    given = repository(site, provider, "group/misleading")
    async with reading(given.host) as reader:
        assert (await reader.resolve(given, "deadbeef")).kind is RefKind.BRANCH
        with pytest.raises(NotFound):
            await reader.resolve_commit(given, "deadbeef")


@every_provider
async def test_a_private_project_is_read_with_its_members_token_only(provider, site_of):
    site = site_of(provider)
    given = repository(site, provider, "group/closed")
    tip = site.project("group/closed").repository.tip()
    async with reading(given.host) as reader:
        for name in ("main", tip, tip[:8]):
            found = await reader.resolve(given, name, credential(site, "alice"))
            assert found.commit == tip
            for user in ("bob", "gus"):
                with pytest.raises(NotFound):
                    await reader.resolve(given, name, credential(site, user))
            with pytest.raises(NotFound, match="store an access token"):
                await reader.resolve(given, name)
            with pytest.raises(GitCredentialRefused):
                await reader.resolve(given, name, credential(site, "nobody"))


@every_provider
async def test_a_token_that_was_revoked_does_not_close_public_projects(provider, site_of):
    site = site_of(provider)
    given = repository(site, provider)
    tip = site.project("group/open").repository.tip()
    async with reading(given.host) as reader:
        for name in ("main", tip, tip[:8]):
            found = await reader.resolve(given, name, credential(site, "nobody"))
            assert found.commit == tip


async def test_a_token_is_never_sent_to_another_host(site_of):
    site = site_of("gitlab")
    given = repository(site, "gitlab")
    elsewhere = GitCredential("https://gitlab.com", "secret")
    async with reading(given.host) as reader:
        for name in ("main", "a" * 40, "a" * 8):
            with pytest.raises(ValueError, match="another host"):
                await reader.resolve(given, name, elsewhere)
    assert site.seen == []


@every_api
async def test_a_site_may_ask_for_the_rights_of_a_developer(provider, site_of):
    site = site_of(provider)
    given = repository(site, provider, min_access="developer")
    async with reading(given.host) as reader:
        await reader.resolve(given, "main", credential(site, "alice"))
        for name in ("main", "a" * 40, "a" * 8):
            with pytest.raises(Forbidden, match="rights of a developer"):
                await reader.resolve(given, name, credential(site, "rita"))
            with pytest.raises(Forbidden, match="rights of a developer"):
                await reader.resolve(given, name, credential(site, "bob"))
            with pytest.raises(Forbidden, match="Sign in"):
                await reader.resolve(given, name)
            with pytest.raises(GitCredentialRefused):
                await reader.resolve(given, name, credential(site, "nobody"))
        closed = repository(site, provider, "group/closed", min_access="developer")
        with pytest.raises(NotFound):
            await reader.resolve(closed, "main", credential(site, "bob"))


async def test_members_of_an_invited_group_are_developers_on_gitlab(site_of):
    site = site_of("gitlab")
    given = repository(site, "gitlab", "group/closed", min_access="developer")
    async with reading(given.host) as reader:
        assert (await reader.resolve(given, "main", credential(site, "ivo"))).branch == "main"


@every_provider
async def test_branches_and_tags_are_listed_for_completion(provider, site_of):
    site = site_of(provider)
    made = site.add("group/listed")
    tip = made.tip()
    for name in ("zeta", "alpha", "feature/a", "feature/b", "main2"):
        made.git("update-ref", f"refs/heads/{name}", tip)
    made.git("update-ref", "refs/heads/-x", tip)
    made.tag("feature-tag", tip, annotated=True)
    given = repository(site, provider, "group/listed")
    async with reading(given.host) as reader:
        every = await reader.references(given)
        assert every.branches == ("main", "alpha", "feature/a", "feature/b", "main2", "zeta")
        assert (every.tags, every.default_branch) == (("feature-tag",), "main")
        some = await reader.references(given, "feature", limit=1)
        assert (some.branches, some.tags) == (("feature/a",), ("feature-tag",))
        assert some.is_truncated
        assert not every.is_truncated


async def test_an_empty_project_has_nothing_to_start(site_of):
    site = site_of("git")
    made = site.add("group/empty")
    made.git("update-ref", "-d", "refs/heads/main")
    given = repository(site, "git", "group/empty")
    async with reading(given.host) as reader:
        with pytest.raises(NotFound, match="no commits"):
            await reader.resolve(given, "HEAD")
        with pytest.raises(NotFound, match="no branch or tag 'main'"):
            await reader.resolve(given, "main")
        with pytest.raises(NotFound, match="No branch or tag is at a commit"):
            await reader.resolve(given, "a" * 8)
        assert (await reader.references(given)).branches == ()
        assert await reader.default_branch(given) == ""


async def test_a_name_that_is_missing_is_shown_as_people_write_it(site_of):
    given = repository(site_of("git"), "git")
    async with reading(given.host) as reader:
        for name, kind in (("refs/heads/x", "branch"), ("refs/tags/x", "tag")):
            with pytest.raises(NotFound, match=f"^This project has no {kind} 'x' on"):
                await reader.resolve(given, name)


async def test_a_host_that_does_not_tell_leaves_the_commit_to_the_checkout(site_of):
    site = site_of("git")
    site.speaks_only_version_0 = True
    made = site.add("group/old")
    given = repository(site, "git", "group/old")
    older = made.tip()
    made.commit()
    async with reading(given.host) as reader:
        assert (await reader.resolve(given, made.tip())).is_checked
        assert not (await reader.resolve(given, older)).is_checked


async def test_a_default_branch_with_a_misleading_name_is_not_passed_on(site_of):
    site = site_of("git")
    made = site.add("group/odd")
    tip = made.tip()
    for name in ("a\u202eb", "-x"):
        made.git("update-ref", f"refs/heads/{name}", tip)
        (made.path / "HEAD").write_text(f"ref: refs/heads/{name}\n")
        given = repository(site, "git", "group/odd")
        async with reading(given.host) as reader:
            assert found_by(await reader.resolve(given, "HEAD")) == (tip, None, RefKind.COMMIT)
            assert (await reader.references(given)).branches == ("main",)


@every_api
async def test_a_limit_of_requests_is_a_sentence_with_a_time(provider, site_of):
    site = site_of(provider)
    site.requests_left = 0
    given = repository(site, provider)
    async with reading(given.host) as reader:
        with pytest.raises(GitHostBusy, match="limits the number of requests") as raised:
            await reader.resolve_commit(given, "abcdef0")
        assert 30 <= raised.value.retry_after <= 41
        # what git finds needs no request to the API
        assert (await reader.resolve(given, "main")).branch == "main"


@pytest.mark.parametrize("ref", ["main", "a" * 40, "a" * 8])
@pytest.mark.parametrize(
    ("how", "error", "sentence"),
    [
        ("redirect", GitHostUnavailable, "redirects to another address"),
        ("error", GitHostUnavailable, "answers with an error"),
        ("throttle", GitHostBusy, "limits the number of requests"),
        ("hang", GitHostTimeout, "did not respond"),
    ],
)
async def test_each_failure_of_a_host_is_a_sentence(how, error, sentence, ref, site_of, written):
    site = site_of("gitlab")
    site.misbehaves = how
    given = repository(site, "gitlab")
    async with reading(given.host, seconds=0.5 if how == "hang" else 20.0) as reader:
        with pytest.raises(error, match=sentence) as raised:
            await reader.resolve(given, ref, credential(site, "alice"))
    assert raised.value.is_temporary
    assert "127.0.0.1" not in raised.value.detail
    assert "token-of" not in written.getvalue()


@every_provider
@pytest.mark.parametrize("how", ["nonsense", "flood"])
async def test_a_host_that_answers_with_something_else_is_no_git_host(provider, how, site_of):
    site = site_of(provider)
    site.misbehaves = how
    given = repository(site, provider)
    async with reading(given.host) as reader:
        for ref in ("main", "HEAD", "a" * 40, "a" * 8):
            with pytest.raises(GitHostUnavailable):
                await reader.resolve(given, ref)
        with pytest.raises(GitHostUnavailable):
            await reader.find_branch(given, "main")
        with pytest.raises(GitHostUnavailable):
            await reader.references(given)


@pytest.mark.parametrize("ref", ["main", "a" * 8])
async def test_a_host_that_is_away_is_said_to_be(ref):
    url = f"https://127.0.0.1:{free_port()}"
    hosts = read_git_hosts([{"url": url, "provider": "gitlab", "allow_private": True}])
    async with reading(*hosts) as reader:
        with pytest.raises(GitHostUnavailable, match="cannot be reached"):
            await reader.resolve(parse_url(hosts, f"{url}/a/b"), ref)


@pytest.mark.parametrize("sha", ["main", "a" * 8])
async def test_a_certificate_of_an_unknown_authority_is_refused(sha, site_of):
    site = site_of("gitlab")
    given = repository(site, "gitlab", ca_file="")
    async with reading(given.host) as reader:
        with pytest.raises(GitHostUntrusted, match="ca_file"):
            await reader.resolve(given, sha, credential(site, "alice"))
    assert site.seen == []


async def test_many_users_who_ask_the_same_share_one_request(site_of):
    site = site_of("gitlab")
    given = repository(site, "gitlab")
    async with reading(given.host) as reader:
        found = await asyncio.gather(*(reader.resolve(given, "main") for _ in range(30)))
    assert len(set(found)) == 1
    assert len(site.seen) <= 4


@every_provider
def test_a_commit_has_a_page(provider, site_of):
    given = repository(site_of(provider), provider)
    url = given.host.provider.commit_url(given, "a" * 40)
    assert url == "" or url.startswith(given.web_url)
    assert (url == "") == (provider == "git")


@pytest.mark.parametrize("token", ["", "a b", "a\nX-Evil: 1", "é", "a" * 4097])
def test_a_token_that_would_break_a_header_is_refused(token):
    with pytest.raises(BadRequest, match=r"token (must be|has to be filled in)") as raised:
        GitCredential("https://gitlab.com", token)
    assert "Evil" not in raised.value.detail


def test_a_credential_does_not_show_its_token():
    assert "secret" not in repr(GitCredential("https://gitlab.com", "secret"))
