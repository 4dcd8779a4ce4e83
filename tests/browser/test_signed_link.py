"""A signed link: a confirmation at the first visit, a launch at once later."""

import os
import re
import subprocess
import sys

import pytest
from browser_site import expect_lab, fill_in_login, launched, wait
from playwright.sync_api import expect
from realhub import environment

WHEN = "2000-01-31T12:30:00Z"


@pytest.fixture(scope="module")
def link(site):
    """Makes links as an administrator does: `link("fields", "-p", "depth=3")`."""

    def make(*words):
        gunicorn = site.launcher.gunicorn
        done = subprocess.run(
            [sys.executable, "-m", "launcher", "link", "--url", site.url, *words],
            cwd=gunicorn.folder,
            env={**os.environ, **environment(site.hub), **gunicorn.env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return make


def fields(link, name, *words):
    return link(
        "fields", "-p", "depth=3", "-p", f"when={WHEN}", "-p", f"name={name}", "--directory", name,
        *words,
    )  # fmt: skip


def notebooks(site, user, directory):
    """The user's notebooks in the directory."""
    return sorted(path.name for path in (site.hub.home(user) / directory).glob("*.ipynb"))


def test_the_first_visit_asks_and_later_ones_launch_at_once(make_page, site, link):
    url = fields(link, "signed")
    page = make_page("tess")
    page.goto(url)
    expect(page.get_by_role("main")).to_contain_text("signed")
    page.wait_for_timeout(500)
    assert not site.hub.servers("tess")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect_lab(page, "signed")
    page.goto(url, wait_until="commit")
    page.wait_for_url("**/lab/**", timeout=90_000)
    wait(page, lambda: notebooks(site, "tess", "signed") == ["fields-1.ipynb", "fields.ipynb"])


def test_without_scripts_later_visits_have_a_button(make_page, site, link):
    url = fields(link, "unscripted")
    page = make_page("tess", javascript=False)
    for number in (1, 2):
        page.goto(url)
        page.get_by_role("button", name="Launch", exact=True).click()
        launched(page, site)
        wait(page, lambda n=number: len(notebooks(site, "tess", "unscripted")) == n)


def test_who_is_not_signed_in_gets_the_confirmation_after_the_login(make_page, site, link):
    page = make_page()
    page.goto(fields(link, "later"))
    fill_in_login(page, "tess")
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("later")


@pytest.mark.parametrize(
    "change",
    [
        (r"p\.depth=3", "p.depth=9"),
        (r"name=[a-z]+", "name=other"),
        (r"directory=[a-z]+", "directory=other"),
        (r"launch/fields", "launch/hello"),
        (r"signature=(.)", "signature=0"),
        (r"signature=.*", "signature="),
        (r"\?", "?p.factor=1&"),
        (r"(signature=.*)", r"\1&\1"),
    ],
)
def test_an_altered_link_launches_nothing_and_says_so(make_page, site, link, change):
    url = fields(link, "altered")
    changed, count = re.subn(*change, url, count=1)
    assert count
    assert changed != url
    page = make_page("uma")
    answer = page.goto(changed)
    assert answer.status in (400, 403, 404, 410)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Launch", exact=True)).to_have_count(0)
    assert not site.hub.servers("uma")


def test_an_expired_link_says_so(make_page, link, site):
    url = fields(link, "old", "--expires", "1h")
    assert "expires=" in url
    page = make_page("uma")
    page.goto(re.sub(r"expires=\d+", "expires=1000000000", url))
    expect(page.get_by_role("button", name="Launch", exact=True)).to_have_count(0)


def test_another_users_page_cannot_launch_a_link_that_was_not_confirmed(make_page, site, link):
    url = fields(link, "tricked")
    page = make_page("vera")
    page.goto(url)
    page.reload()
    page.wait_for_timeout(1000)
    assert "signature=" in page.url
    assert not site.hub.servers("vera")
