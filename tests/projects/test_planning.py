"""The server that is planned for what a user asks for, on a real git host."""

from contextlib import asynccontextmanager

import pytest
from git_sites import calling, repository

from launcher import store
from launcher.errors import BadRequest, NotFound
from launcher.git import Git
from launcher.projects.credentials import Credentials
from launcher.projects.hosts import GitHosts
from launcher.projects.images import Images
from launcher.projects.options import ServerOptions
from launcher.projects.planning import Planning
from launcher.projects.reader import RepositoryReader
from launcher.projects.registries import read_registries


@pytest.fixture
def site(site_of):
    return site_of("git")


@pytest.fixture
def name(tmp_path):
    """The name of a project of this test."""
    return tmp_path.name


@pytest.fixture
def made(site, name):
    """A repository with a commit that has a tag, and then one more."""
    repository = site.add(f"group/{name}")
    repository.tag("v1", repository.tip(), annotated=True)
    repository.commit()
    return repository


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Without any access token."""
    url = f"sqlite:///{tmp_path_factory.mktemp('planning')}/launcher.sqlite"
    store.migrate(url)
    opened = store.Store(url)
    yield opened
    opened.close()


@pytest.fixture
def plan(site, made, name, database):
    """The server that is planned for a body; the repository is added to it."""

    async def plan(**asked):
        body = {"repository": f"{site.url}/group/{name}"} if "namespace" not in asked else {}
        async with planning(site, database) as found:
            return (await found.plan("alice", {**body, **asked}, [])).server

    return plan


@asynccontextmanager
async def planning(site, database):
    hosts = GitHosts([repository(site, "git").host])
    async with calling(*hosts) as calls:
        yield Planning(
            hosts,
            RepositoryReader(Git(), calls),
            Credentials(database, b"s" * 32, hosts),
            ServerOptions(),
            Images(None, read_registries(None, hosts)),
            folder="projects",
        )


async def test_a_tag_or_commit_is_checked_out_on_the_default_branch(plan, made, name):
    made.git("branch", "-m", "main", "trunk")
    made.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    tagged, tip = made.git("rev-parse", "v1^{commit}"), made.tip("trunk")
    for asked, commit in (
        ({"ref": "v1"}, tagged),
        ({"ref": tagged}, tagged),
        ({"commit_sha": tip}, tip),
        ({"namespace": "group", "project": name, "ref": "v1"}, tagged),
    ):
        found = await plan(**asked)
        assert (found.branch, found.commit_sha) == ("trunk", commit)
    assert (await plan(ref="v1", branch="mine")).branch == "mine"


async def test_the_short_and_the_full_sha_of_one_commit_are_the_same_server(plan, made):
    sha = made.tip()
    asked = [{"commit_sha": sha}, {"commit_sha": sha[:8]}, {"ref": sha}, {"ref": sha[:8]}, {}]
    assert len({(await plan(**each)).server for each in asked}) == 1


async def test_a_body_of_renku_notebooks_has_their_default(plan, made, name):
    found = await plan(namespace="group", project=name, commit_sha=made.tip())
    assert found.branch == "master"


async def test_without_a_default_branch_it_is_master(plan, made):
    made.git("symbolic-ref", "HEAD", "refs/heads/nothing")
    assert (await plan(ref="v1")).branch == "master"


@pytest.mark.parametrize("ref", ["v1", "refs/tags/v1", "a" * 40])
async def test_what_is_no_branch_cannot_be_followed(plan, ref):
    sentence = f"^'{ref.removeprefix('refs/tags/')}' is not a branch of this project; only a"
    with pytest.raises(BadRequest, match=sentence) as raised:
        await plan(ref=ref, follow="branch")
    assert raised.value.errors[0]["pointer"] == "/ref"


@pytest.mark.parametrize("field", ["ref", "branch"])
async def test_a_branch_to_follow_that_is_missing_is_named_as_people_write_it(plan, field):
    for ref in ("gone", "refs/heads/gone"):
        with pytest.raises(NotFound, match="has no branch 'gone' on The lab's git") as raised:
            await plan(**{field: ref}, follow="branch")
        assert raised.value.errors[0]["pointer"] == f"/{field}"


async def test_a_branch_is_followed_however_its_name_is_written(plan):
    for asked in ({}, {"ref": "HEAD"}, {"ref": "main"}, {"branch": "refs/heads/main"}):
        found = await plan(**asked, follow="branch")
        assert (found.branch, found.commit_sha) == ("main", None)
