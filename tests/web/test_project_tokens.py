"""The page with a visitor's access tokens for git hosts."""

import git_sites
import pytest
from project_pages import PAGE
from visiting import Visitor, text_of


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    """A GitLab."""
    site = git_sites.start(tmp_path_factory.mktemp("git"), "gitlab")
    yield site
    site.stop()


@pytest.fixture
def visitor(start_app, git, alice):
    hosts = [git_sites.entry(git, "gitlab"), {"url": "https://github.com", "provider": "github"}]
    return Visitor(start_app(git_hosts=hosts), alice)


def changed(visitor, sent):
    """The page after a token was stored or removed."""
    answer = visitor.post(f"{PAGE}/tokens", sent)
    assert answer.status_code == 303
    return visitor.get(answer.headers["location"])


def test_a_token_is_stored_never_shown_and_removed(visitor, git):
    page = visitor.get(f"{PAGE}/tokens")
    assert "There is no token" in text_of(page)
    assert f'href="{git.url}/-/user_settings/personal_access_tokens"' in page.text
    assert 'href="https://github.com/settings/tokens"' in page.text
    sent = {"action": "store", "host": git.url, "token": " canary-0123456789\n"}
    page = changed(visitor, sent)
    assert "The token was stored." in text_of(page)
    assert "You have stored a token" in text_of(page)
    assert "canary" not in page.text
    page = changed(visitor, sent | {"action": "remove"})
    assert "The token was removed." in text_of(page)
    assert "You have stored" not in text_of(page)


def test_a_wrong_token_is_said_at_its_field_and_not_shown(visitor, git):
    sent = {"action": "store", "host": git.url, "token": "two canaries"}
    page = visitor.post(f"{PAGE}/tokens", sent)
    assert page.status_code == 400
    assert "Token must be 1 to 4096 ASCII characters without spaces." in text_of(page)
    assert "canaries" not in page.text


def test_an_empty_token_has_to_be_filled_in(visitor, git):
    sent = {"action": "store", "host": git.url, "token": " "}
    assert "Token has to be filled in." in text_of(visitor.post(f"{PAGE}/tokens", sent))


def test_a_link_does_not_say_that_something_was_done(visitor, git):
    page = visitor.get(f"{PAGE}/tokens?stored={git.url}")
    assert "was stored" not in text_of(page)


def test_the_menu_marks_projects_on_the_pages_below_it(visitor):
    page = visitor.get(f"{PAGE}/tokens")
    assert f'active" aria-current="true" href="{PAGE}">Projects<' in page.text


def test_a_token_goes_to_no_host_that_is_not_listed(visitor):
    sent = {"action": "store", "host": "https://elsewhere.example.org", "token": "x"}
    assert visitor.post(f"{PAGE}/tokens", sent).status_code == 404
