"""Forged, replayed and concurrent sign-ins, and the cookies of all of them (attacks A13, A14)."""

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from browser_site import fill_in_login, sign_in
from playwright.sync_api import expect

COOKIE = "service-launcher-session"
DAY = 86_400


@pytest.fixture
def begun(make_page, site):
    """A window at the hub's login, on the way from the launcher, and the address that it asked."""
    page = make_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("home/")
    return page, next(url for url in asked if "/oauth2/authorize" in url)


def state_of(authorize_url):
    return parse_qs(urlsplit(authorize_url).query)["state"][0]


def callback(page, site):
    """The address with which the hub sends the browser back, once."""
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    fill_in_login(page, "alice")
    page.wait_for_url(f"{site.url}/home/")
    return next(url for url in seen if "/oauth_callback" in url)


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=x", "?code=&state="])
def test_a_forged_callback_signs_nobody_in(make_page, query):
    page = make_page()
    answer = page.goto(f"oauth_callback{query}")
    assert answer.status in (400, 403)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Home", exact=True).last).to_be_visible()
    assert COOKIE not in {cookie["name"] for cookie in page.context.cookies()}


def test_a_state_of_another_browser_signs_nobody_in(begun, make_page):
    _page, authorize = begun
    other = make_page()
    answer = other.goto(f"oauth_callback?code=x&state={state_of(authorize)}")
    assert answer.status == 403
    assert COOKIE not in {cookie["name"] for cookie in other.context.cookies()}


def test_a_callback_works_once_and_in_one_browser(begun, make_page, site):
    page, _ = begun
    url = callback(page, site)
    assert page.goto(url).status == 403
    other = make_page()
    assert other.goto(url).status == 403
    assert COOKIE not in {cookie["name"] for cookie in other.context.cookies()}


def test_a_wrong_code_is_refused_with_a_sentence(begun, site):
    page, authorize = begun
    answer = page.goto(f"{site.url}/oauth_callback?code=wrong&state={state_of(authorize)}")
    assert answer.status == 403
    expect(page.get_by_role("main")).to_contain_text("Sign in again")


def test_the_hubs_reason_is_shown_as_text(begun, site, watch):
    page, authorize = begun
    reason = "<img src=x onerror=alert(1)><b>no</b>"
    page.goto(
        f"{site.url}/oauth_callback?error={reason}&error_description={reason}"
        f"&state={state_of(authorize)}"
    )
    expect(page.get_by_role("main")).to_contain_text(reason)
    assert not page.locator("main img, main b").count()


def test_two_tabs_that_sign_in_at_the_same_time_are_both_signed_in(make_page, site):
    first = make_page()
    second = first.context.new_page()
    first.goto("home/?q=first")
    second.goto("home/?q=second")
    fill_in_login(first, "alice")
    first.wait_for_url(f"{site.url}/home/?q=first")
    second.reload()  # the hub's form in it is of before the login
    second.wait_for_url(f"{site.url}/home/?q=second")
    for tab in (first, second):
        tab.reload()
        expect(tab.get_by_role("banner")).to_contain_text("alice")


def test_a_session_that_was_there_before_the_sign_in_is_replaced(make_page, site):
    page = make_page()
    path = f"{site.prefix}/"
    preset = {"name": COOKIE, "value": "preset", "domain": "127.0.0.1", "path": path}
    page.context.add_cookies([preset])
    sign_in(page, site, "alice")
    [cookie] = [c for c in page.context.cookies() if c["name"] == COOKIE]
    assert cookie["value"] != "preset"


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "%2f%2fevil.example",
        "/%09/evil.example",
        "/jupyter/services/launcher/home/../../../hub/logout",
    ],
)
def test_a_sign_in_leads_to_pages_of_the_launcher_only(make_page, site, address):
    page = make_page("alice")
    page.goto(f"home/sign-in?next={address}")
    assert page.url == f"{site.url}/home/"


def test_after_the_hubs_logout_the_launcher_asks_again(make_page, site):
    page = make_page()
    sign_in(page, site, "alice")
    page.goto(f"{site.hub.url}/hub/logout")
    page.goto("home/")
    assert page.url.startswith(f"{site.hub.url}/hub/login")


def test_logout_ends_the_session_here_and_leads_to_the_hubs(make_page, site):
    page = make_page()
    sign_in(page, site, "alice")
    page.get_by_role("button", name="Logout").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("signed out")
    assert COOKIE not in {cookie["name"] for cookie in page.context.cookies()}
    page.get_by_role("link", name="Log out of JupyterHub").click()
    assert page.url.startswith(site.hub.url)
    page.goto("home/")
    assert page.url.startswith(f"{site.hub.url}/hub/login")


def test_every_cookie_is_for_the_launcher_alone(make_page, site, watch):
    page = make_page()
    sign_in(page, site, "alice")
    page.goto("ui/")
    page.goto("home/")
    page.get_by_role("button", name="Logout").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("signed out")
    cookies = list(watch.set_cookies())
    assert len(cookies) >= 4
    for url, cookie in cookies:
        assert cookie.key.startswith("service-launcher"), url
        assert cookie["path"] == f"{site.prefix}/"
        assert cookie["httponly"]
        assert cookie["samesite"].lower() == "lax"
        assert not cookie["domain"]
        assert not cookie["secure"]  # this hub is http
        seconds = int(cookie["max-age"])
        assert 0 <= seconds <= (600 if "state" in cookie.key else 14 * DAY)


def test_codes_and_tokens_are_not_logged(make_page, site):
    page = make_page()
    seen = []
    page.on("request", lambda request: seen.append(request.url))
    sign_in(page, site, "alice")
    url = next(url for url in seen if "/oauth_callback" in url)
    query = parse_qs(urlsplit(url).query)
    values = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == COOKIE]
    for secret in (query["code"][0], query["state"][0], *values):
        assert secret not in site.launcher.log


def test_a_session_is_worth_nothing_without_the_hubs(make_page, site):
    page = make_page()
    sign_in(page, site, "alice")
    [ours] = [c for c in page.context.cookies() if c["name"] == COOKIE]
    answer = requests.get(
        f"{site.url}/home/",
        headers={"Cookie": f"{COOKIE}={ours['value']}"},
        allow_redirects=False,
        timeout=30,
    )
    assert answer.status_code == 303
