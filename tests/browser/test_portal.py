"""The example of a portal, on another host than the hub: people sign in, launch, see why not."""

import re
from pathlib import Path

import pytest
from browser_axe import assert_looks_right
from browser_site import expect_lab, fill_in_login, make_site, wait
from playwright.sync_api import expect
from ports import free_port
from processes import answers
from waiting import wait_until

PORTAL = Path(__file__).parents[2] / "examples/portal/portal.py"
SERVICE = """
hub = settings["public_url"].rstrip("/")
c.JupyterHub.services.append({{
    "name": "portal",
    "command": [sys.executable, {script!r}],
    "oauth_redirect_uri": "{origin}/oauth_callback",
    "oauth_client_allowed_scopes": ["access:services!service=launcher"],
    "oauth_no_confirm": True,
    "environment": {{
        "PORTAL_HUB_URL": hub,
        "PORTAL_LAUNCHER_URL": f"{{hub}}/services/launcher",
        "PORTAL_REDIRECT_URI": "{origin}/oauth_callback",
    }},
}})
c.JupyterHub.load_roles[1]["scopes"].append("access:services!service=portal")
"""


@pytest.fixture(scope="module")
def origin():
    """Where browsers find the portal; the hub is at 127.0.0.1."""
    return f"http://localhost:{free_port()}"


@pytest.fixture(scope="module")
def site(tmp_path_factory, origin):
    """A site with the portal."""
    made = make_site(
        tmp_path_factory.mktemp("site"),
        config=f"c.Launcher.allowed_origins = [{origin!r}]\n",
        extra=SERVICE.format(script=str(PORTAL), origin=origin),
    )
    made.start()
    # the hub starts it, and does not wait for it
    wait_until(lambda: answers(origin), "the portal", 60)
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def faults(watch, origin):
    """What the console of the portal's page says; it has to be nothing."""
    # wrong fields are an answer of the API
    watch.allow(f"^elsewhere: {re.escape(origin)}", "^status: 400 .*/experiments/hello")
    found = []
    yield found
    assert found == []


@pytest.fixture
def open_portal(make_page, origin, faults):
    """Opens the portal as somebody who signs in, or as nobody."""

    def open_portal(user=None, **options):
        page = make_page(**options)
        page.on("console", lambda said: said.type == "error" and _note(faults, page, said))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{origin}/")
        if user:
            page.get_by_role("link", name="Sign in").click()
            fill_in_login(page, user)
            page.wait_for_url(f"{origin}/")
        return page

    def _note(faults, page, said):
        # the status of what was loaded: errors of the API are expected
        if page.url.startswith(origin) and not said.text.startswith("Failed to load resource"):
            faults.append(said.text)

    return open_portal


def launch(page, filename):
    """Fill in the form and press Launch."""
    page.get_by_label("File name").fill(filename)
    page.get_by_role("button", name="Launch").click()


def test_somebody_signs_in_launches_and_opens_the_notebook(open_portal, site):
    page = open_portal("slow-ada")
    expect(page.get_by_text("Signed in as slow-ada")).to_be_visible()
    launch(page, "river.ipynb")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Looking for room")
    link = page.get_by_role("link", name="Open the notebook")
    expect(link).to_be_visible(timeout=90_000)
    expect(link).to_be_focused()
    assert (site.hub.home("slow-ada") / "portal/river.ipynb").is_file()
    link.click()
    expect_lab(page, "hello", "river.ipynb")


def test_a_server_that_does_not_start_is_told_with_the_reason(open_portal):
    page = open_portal("bad-bea")
    launch(page, "river.ipynb")
    expect(page.get_by_role("alert")).to_contain_text("no such image foo:1", timeout=60_000)
    expect(page.get_by_role("button", name="Launch")).to_be_enabled()
    expect(page.get_by_role("link", name="Open the notebook")).to_be_hidden()


def test_a_wrong_file_name_is_told_at_its_field(open_portal, site):
    page = open_portal("carl")
    launch(page, "river.txt")
    expect(page.get_by_role("alert")).to_contain_text(re.compile("The file name .*ipynb"))
    expect(page.get_by_label("File name")).to_have_attribute("aria-invalid", "true")
    assert not site.hub.servers("carl")


def test_a_launch_is_cancelled(open_portal):
    page = open_portal("never-dora")
    launch(page, "river.ipynb")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_have_text("The launch was cancelled.")
    expect(page.get_by_role("alert")).to_be_empty()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()


def test_the_link_opens_the_filled_in_form(open_portal, site):
    page = open_portal("erik")
    page.get_by_role("link", name="Launch Hello on JupyterHub").click()
    page.wait_for_url(f"{site.url}/launch/hello?*")
    assert page.locator("[name='/notebook/filename']").input_value() == "river.ipynb"
    assert not site.hub.servers("erik")


def test_the_token_is_nowhere_but_in_the_page(open_portal, origin, site):
    page = open_portal("finn")
    cookies = page.context.cookies()
    mine = [cookie for cookie in cookies if cookie["name"].startswith("portal-")]
    assert [(cookie["domain"], cookie["httpOnly"]) for cookie in mine] == [("localhost", True)]
    token = page.evaluate(
        "async () => (await (await fetch('/token', {headers: {'X-Portal': 'page'}})).json()).token"
    )
    assert token not in page.content()
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == [
        "",
        0,
        0,
    ]
    scopes = site.hub.api("GET", "user", token=token).json()["scopes"]
    assert "access:services!service=launcher" in scopes
    assert not [scope for scope in scopes if scope.startswith(("servers", "access:servers"))]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    asked = page.request.get(f"{origin}/token", headers={"X-Portal": "page"})
    assert asked.status == 401


def test_a_page_whose_origin_is_not_listed_launches_nothing(open_portal, site, origin, watch):
    elsewhere = origin.replace("localhost", "127.0.0.1")
    watch.allow(f"^elsewhere: {re.escape(elsewhere)}", "^failed: ")
    page = open_portal()
    page.goto(f"{elsewhere}/")
    error = page.evaluate(
        """async ([url, token]) => {
          const { Launcher } = await import(`${url}/static/launcher.js`);
          const launcher = new Launcher(url, { token });
          return launcher.find("0".repeat(32)).catch(({ name, status }) => [name, status]);
        }""",
        [site.url, site.hub.token_of("gil")],
    )
    assert error == ["LauncherError", 0]


def test_the_page_is_accessible_and_fits(open_portal):
    page = open_portal(width=360, bypass_csp=True)
    assert_looks_right(page)
    page = open_portal("hana", width=360, bypass_csp=True)
    launch(page, "x" * 300)
    wait(page, lambda: page.get_by_role("alert").inner_text())
    assert_looks_right(page)


def test_the_link_works_without_scripts(open_portal, site):
    page = open_portal(javascript=False)
    page.get_by_role("link", name="Launch Hello on JupyterHub").click()
    fill_in_login(page, "ines")
    page.wait_for_url(f"{site.url}/launch/hello?*")
    assert page.locator("[name='/notebook/filename']").input_value() == "river.ipynb"
