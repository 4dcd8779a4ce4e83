"""Sessions and what is sealed: who can open them, until when, and which of several counts."""

import pytest

from launcher.auth.sessions import HUB_SESSION_COOKIE, Sessions, cookies, hub_session_of
from launcher.sealing import MAX_SEALED, Seal

SECRET = b"s" * 32


@pytest.fixture
def sessions():
    return Sessions(SECRET, "launcher")


def header(sessions, session, *more):
    """A Cookie header with a session, and more cookies."""
    return "; ".join([f"{sessions.cookie_name}={sessions.cookie(session)}", *more])


def test_a_session_is_opened_by_every_process_with_the_same_secret(sessions):
    session = sessions.new("token-of-alice", "")
    same = Sessions(SECRET, "launcher")
    assert same.find([header(sessions, session)]) == session
    assert same.is_xsrf(session, sessions.xsrf(session))


def test_another_secret_opens_no_session(sessions):
    session = sessions.new("token-of-alice", "")
    other = Sessions(b"t" * 32, "launcher")
    assert other.find([header(sessions, session)]) is None
    assert not other.is_xsrf(session, sessions.xsrf(session))


def test_the_cookie_does_not_contain_the_token_or_the_hubs_session(sessions):
    session = sessions.new("token-of-alice", "session-at-the-hub")
    assert "token-of-alice" not in sessions.cookie(session)
    assert "token-of-alice" not in repr(session)
    assert "session-at-the-hub" not in session.hub_session


def test_two_sessions_of_one_user_have_xsrf_tokens_of_their_own(sessions):
    first, second = sessions.new("token", ""), sessions.new("token", "")
    assert sessions.xsrf(first) != sessions.xsrf(second)
    assert not sessions.is_xsrf(first, sessions.xsrf(second))


@pytest.mark.parametrize("given", ["", "0" * 64, "é", "\ud800", "x" * 100_000])
def test_what_is_no_xsrf_token_is_refused(sessions, given):
    assert not sessions.is_xsrf(sessions.new("token", ""), given)


def test_a_session_ends_with_that_of_the_hub(sessions):
    session = sessions.new("token", "at-the-hub")
    assert sessions.find([header(sessions, session, f"{HUB_SESSION_COOKIE}=at-the-hub")]) == session
    assert sessions.find([header(sessions, session, f"{HUB_SESSION_COOKIE}=another")]) is None
    assert sessions.find([header(sessions, session)]) is None


def test_two_valid_sessions_are_none_in_one_header_or_two(sessions):
    mine = header(sessions, sessions.new("token-of-alice", ""))
    planted = header(sessions, sessions.new("token-of-mallory", ""))
    assert sessions.find([f"{planted}; {mine}"]) is None
    assert sessions.find([planted, mine]) is None


def test_cookies_that_are_no_session_do_not_hide_it(sessions):
    session = sessions.new("token", "")
    planted = [f"{sessions.cookie_name}={value}" for value in ("", "x", "A" * (MAX_SEALED + 1))]
    assert sessions.find(["; ".join([*planted, header(sessions, session)])]) == session


def test_the_hubs_session_is_the_last_of_its_cookies_as_for_the_hub():
    planted = f"{HUB_SESSION_COOKIE}=planted; {HUB_SESSION_COOKIE}=of-the-hub"
    assert hub_session_of([planted]) == "of-the-hub"
    assert hub_session_of(["a=b"]) == ""


def test_the_name_of_a_service_is_a_name_of_a_cookie():
    assert Sessions(SECRET, "my launcher;=é").cookie_name == "service-my-launcher----session"


def test_cookies_are_read_as_browsers_send_them():
    assert cookies(['a=1; b="2";c; a=x=y', "a=3"]) == {"a": ["1", "x=y", "3"], "b": ["2"]}


def test_what_is_sealed_is_opened_until_its_time_is_over():
    seal = Seal(SECRET, "test")
    assert seal.open(seal.close({"next": "/ä\ud800"}, 60)) == {"next": "/ä\ud800"}
    assert seal.open(seal.close({"next": "/"}, -1)) is None


def test_what_is_sealed_for_another_purpose_is_not_opened():
    assert Seal(SECRET, "one").open(Seal(SECRET, "another").close({}, 60)) is None


def test_no_character_of_what_is_sealed_can_be_changed():
    seal = Seal(SECRET, "test")
    sealed = seal.close({"token": "x"}, 60)
    for place, was in enumerate(sealed[:-1]):  # the last one holds bits that nothing uses
        changed = sealed[:place] + ("A" if was != "A" else "B") + sealed[place + 1 :]
        assert seal.open(changed) is None


@pytest.mark.parametrize("text", ["", "A", "AAAA", "!", "é", "A" * 100, "A" * (MAX_SEALED + 1)])
def test_what_was_never_sealed_is_not_opened(text):
    assert Seal(SECRET, "test").open(text) is None
