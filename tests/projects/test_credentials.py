"""The users' access tokens for git hosts: which one is used, and who can read it."""

import time

import pytest
import sqlalchemy as sa

from launcher.errors import BadRequest, NotFound
from launcher.projects.credentials import SIGN_IN_SECONDS, Credentials
from launcher.projects.hosts import read_git_hosts
from launcher.projects.model import GitCredential
from launcher.store import Store

HOSTS = read_git_hosts(
    [
        {"url": "https://gitlab.example.org:8443", "provider": "gitlab"},
        {"url": "https://github.com", "provider": "github"},
    ]
)
GITLAB, GITHUB = HOSTS


@pytest.fixture
def database(database_url):
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def kept(database):
    return Credentials(database, b"s" * 32, HOSTS)


def own(token, username="", host=GITLAB):
    return GitCredential(host.url, token, username)


async def test_a_token_that_the_user_stored_comes_before_that_of_the_sign_in(kept):
    await kept.hand_over("alice", GITLAB, "signed-in")
    assert await kept.for_host("alice", GITLAB) == own("signed-in")
    assert await kept.held("alice") == {GITLAB.url: "sign-in"}
    await kept.store_token("alice", GITLAB, own("stored", "alice.a"))
    await kept.hand_over("alice", GITLAB, "signed-in-again")
    assert await kept.for_host("alice", GITLAB) == own("stored", "alice.a")
    assert await kept.held("alice") == {GITLAB.url: "user"}


async def test_a_token_is_for_its_user_and_its_host_alone(kept):
    await kept.store_token("alice", GITLAB, own("stored"))
    assert await kept.for_host("alice", GITHUB) is None
    assert await kept.for_host("bob", GITLAB) is None
    assert await kept.held("bob") == {}


async def test_what_is_removed_is_gone_whoever_gave_it(kept):
    await kept.store_token("alice", GITLAB, own("stored"))
    await kept.hand_over("alice", GITLAB, "signed-in")
    await kept.remove("alice", GITLAB)
    assert await kept.for_host("alice", GITLAB) is None
    with pytest.raises(NotFound, match=r"no token of yours for gitlab\.example\.org:8443"):
        await kept.remove("alice", GITLAB)


async def test_a_sign_in_without_a_token_leaves_the_stored_one(kept):
    await kept.store_token("alice", GITLAB, own("stored"))
    await kept.hand_over("alice", GITLAB, "signed-in")
    await kept.withdraw("alice", GITLAB)
    assert await kept.held("alice") == {GITLAB.url: "user"}
    await kept.withdraw("alice", GITLAB)


async def test_a_token_that_was_sealed_with_another_secret_is_no_token_but_can_be_removed(
    kept, database
):
    await kept.store_token("alice", GITLAB, own("stored"))
    changed = Credentials(database, b"t" * 32, HOSTS)
    assert await changed.for_host("alice", GITLAB) is None
    assert await changed.held("alice") == {}
    await changed.hand_over("alice", GITLAB, "signed-in")
    assert await changed.for_host("alice", GITLAB) == own("signed-in")
    await changed.remove("alice", GITLAB)
    with pytest.raises(NotFound):
        await changed.remove("alice", GITLAB)


async def test_whoever_can_write_to_the_database_cannot_give_a_token_to_another_user_or_host(
    kept, database
):
    await kept.store_token("alice", GITLAB, own("stored"))

    def copy(connection):
        for user, host in (("mallory", GITLAB.url), ("alice", GITHUB.url)):
            connection.execute(
                sa.text(
                    'INSERT INTO git_tokens ("user", host, source, token, stored_at)'
                    " SELECT :user, :host, source, token, stored_at FROM git_tokens"
                    " WHERE \"user\" = 'alice' AND host = :from"
                ),
                {"user": user, "host": host, "from": GITLAB.url},
            )

    await database.run(copy)
    assert await kept.for_host("mallory", GITLAB) is None
    assert await kept.for_host("alice", GITHUB) is None


async def test_the_database_has_no_token_in_plain_text(kept, database):
    await kept.store_token("alice", GITLAB, own("canary-of-alice"))
    rows = await database.read(lambda c: c.execute(sa.text("SELECT * FROM git_tokens")).all())
    assert len(rows) == 1
    assert "canary" not in str(rows)


async def test_the_token_of_a_sign_in_long_ago_is_not_used(kept, mocker):
    await kept.store_token("alice", GITHUB, own("stored", host=GITHUB))
    await kept.hand_over("alice", GITLAB, "signed-in")
    mocker.patch("time.time", return_value=time.time() + SIGN_IN_SECONDS + 1)
    assert await kept.held("alice") == {GITHUB.url: "user"}


async def test_a_token_that_no_header_could_carry_is_refused(kept):
    with pytest.raises(BadRequest, match="token must be"):
        await kept.hand_over("alice", GITLAB, "two\r\nlines")
    assert await kept.held("alice") == {}


@pytest.mark.parametrize("name", ["gitlab.example.org:8443", "GitLab.Example.org:8443"])
def test_a_host_is_found_by_its_name_and_port(kept, name):
    assert kept.host(name) is GITLAB
    assert kept.host_at(f"https://{name}/") is GITLAB
    assert kept.host_at("https://github.com:443") is GITHUB


@pytest.mark.parametrize(
    "name",
    ["gitlab.example.org", "gitlab.example.org:443", "github.com.evil.org", "x@github.com", ""],
)
def test_another_host_is_not_found(kept, name):
    with pytest.raises(NotFound, match="git hosts of this site"):
        kept.host(name)


@pytest.mark.parametrize("url", ["http://github.com", "https://evil.org", "https://[", ""])
def test_no_token_is_handed_over_for_another_host(kept, url):
    with pytest.raises(NotFound, match="git hosts of this site"):
        kept.host_at(url)
