"""A page on another user's server, which has the launcher's origin and any headers it likes.

It cannot launch anything for whoever opens it, nor read their XSRF token (attacks A11 and A14).
"""

import json
import shutil
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

PAGES = Path(__file__).with_name("pages")
OPENERS = [
    "",
    "unsafe-none",
    "same-origin",
    "same-origin-allow-popups",
    "noopener-allow-popups",
    "restrict-properties",
]


@pytest.fixture(scope="module")
def evil(site):
    """The address of pages of mallory, who runs what they like as their server."""
    home = site.hub.home("evil-mallory")
    home.mkdir(exist_ok=True)
    shutil.copytree(PAGES, home / "pages")
    site.hub.start_server("evil-mallory")
    return f"{site.hub.url}/user/evil-mallory"


@pytest.fixture
def victim(make_page, watch):
    """A window of somebody who is signed in, and has launched nothing."""
    watch.allow("^status: 4", "^policy: .*frame-ancestors", "^elsewhere: chrome-error")
    watch.allow("^failed: net::ERR_BLOCKED_BY")
    return make_page("victim")


def attack(page, evil, site, opener=""):
    """What the page of mallory tried, and what came of it."""
    header = f"&header=Cross-Origin-Opener-Policy:{opener}" if opener else ""
    page.goto(f"{evil}/attack.html?target={site.prefix}{header}")
    out = page.locator("#out")
    expect(out).to_contain_text("all: done", timeout=60_000)
    page.click("#windows")
    expect(out).to_contain_text("windows: done", timeout=60_000)
    return dict(line.split(": ", 1) for line in out.inner_text().splitlines())


def launches(site, user):
    """The user's launches."""
    headers = {"Authorization": f"token {site.hub.token_of(user)}"}
    return requests.get(f"{site.url}/launches", headers=headers, timeout=30).json()["launches"]


@pytest.mark.parametrize("opener", OPENERS)
def test_a_page_of_another_user_can_neither_launch_nor_read_the_token(victim, evil, site, opener):
    results = attack(victim, evil, site, opener)
    for name, result in results.items():
        if name.startswith("token"):
            assert result == "none" or result.startswith("refused"), (name, result)
        elif "fetch" in name:
            # 0: an opaque answer
            assert result in ("0", "401", "403", "404", "415") or "refused" in result, (
                name,
                result,
            )
    assert len(results) > 15, results
    assert launches(site, "victim") == []
    assert not site.hub.servers("victim")


def submit(page, site, path, fields):
    """Submit a form of mallory's page to the launcher, as a click of the visitor does."""
    page.evaluate(
        """([action, fields]) => {
            const form = document.getElementById("form");
            form.action = action;
            for (const [name, value] of Object.entries(fields)) {
              const input = Object.assign(document.createElement("input"), {name, value});
              form.append(input);
            }
            form.submit();
        }""",
        [f"{site.prefix}{path}", fields],
    )
    page.wait_for_url(f"{site.url}{path}")


# a form of an experiment is shown again, as a link would show it, and nothing is launched
REFUSED = "was not sent by a page of the launcher"
ANSWERS = {
    "/launch/hello": "Press Launch again",
    "/home/servers/start": REFUSED,
    "/home/servers/stop": REFUSED,
}


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize("whose", ["none", "their own"])
def test_a_form_of_another_users_page_is_refused(victim, make_page, evil, site, path, whose):
    fields = {"action": "launch", "server": ""}
    if whose == "their own":
        mallory = make_page("evil-mallory")
        mallory.goto("home/")
        fields["_xsrf"] = mallory.locator("input[name=_xsrf]").first.input_value()
    victim.goto(f"{evil}/attack.html?target={site.prefix}")
    expect(victim.locator("#out")).to_contain_text("all: done", timeout=60_000)
    submit(victim, site, path, fields)
    expect(victim.get_by_role("main")).to_contain_text(ANSWERS[path])
    assert launches(site, "victim") == []
    assert not site.hub.servers("victim")


def test_another_users_server_is_sent_none_of_the_launchers_cookies(victim, evil, site):
    victim.goto("home/")
    victim.goto(f"{evil}/attack.html?target={site.prefix}")
    expect(victim.locator("#out")).to_contain_text("all: done", timeout=60_000)
    log = site.hub.home("evil-mallory") / "requests.jsonl"
    requests_seen = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("attack.html" in request["path"] for request in requests_seen)
    assert "service-launcher" not in json.dumps(requests_seen)
    assert "service-launcher" not in victim.evaluate("document.cookie")


def test_nobody_is_signed_in_as_another_user_by_a_cookie_of_that_users_page(
    victim, make_page, evil, site
):
    mallory = make_page("evil-mallory")
    mallory.goto("home/")
    [stolen] = [c for c in mallory.context.cookies() if c["name"] == "service-launcher-session"]
    victim.goto(f"{evil}/attack.html?target={site.prefix}")
    victim.evaluate(
        "([name, value, path]) => { document.cookie = `${name}=${value}; path=${path}`; }",
        [stolen["name"], stolen["value"], f"{site.prefix}/home"],
    )
    victim.goto("home/")
    expect(victim.get_by_role("banner")).to_contain_text("victim")
