"""The tokens of users for git hosts, as rows."""

import pytest

from launcher import store
from launcher.store import git_tokens
from launcher.store.git_tokens import SIGN_IN, USER, GitToken

HOST, OTHER = "https://gitlab.example.org", "https://github.com"


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own."""
    engine = store.connect(database_url)

    def run(work, *args):
        with engine.begin() as connection:
            return work(connection, *args)

    yield run
    engine.dispose()


def put(do, *, user="alice", host=HOST, source=USER, token="sealed"):
    do(git_tokens.put, GitToken(user, host, source, token))


def kept(do, user="alice"):
    return {(each.host, each.source): each.token for each in do(git_tokens.find_all, user)}


def test_a_new_token_takes_the_place_of_the_earlier_one_from_the_same_source(do):
    put(do, token="first")
    put(do, token="second")
    put(do, token="third", source=SIGN_IN)
    assert kept(do) == {(HOST, USER): "second", (HOST, SIGN_IN): "third"}
    assert all(each.stored_at for each in do(git_tokens.find_all, "alice"))


def test_a_removal_leaves_other_hosts_and_other_users_alone(do):
    put(do)
    put(do, source=SIGN_IN)
    put(do, host=OTHER)
    put(do, user="bob")
    assert do(git_tokens.remove, "alice", HOST) is True
    assert do(git_tokens.remove, "alice", HOST) is False
    assert kept(do) == {(OTHER, USER): "sealed"}
    assert kept(do, "bob") == {(HOST, USER): "sealed"}


def test_the_token_of_a_sign_in_is_removed_alone(do):
    put(do)
    put(do, source=SIGN_IN)
    assert do(git_tokens.remove, "alice", HOST, SIGN_IN) is True
    assert do(git_tokens.remove, "alice", HOST, SIGN_IN) is False
    assert kept(do) == {(HOST, USER): "sealed"}


def test_no_token_is_in_the_text_of_a_row(do):
    put(do, token="sealed-canary")
    assert "canary" not in repr(do(git_tokens.find_all, "alice"))
