"""Projects in a browser: filled in, started, followed, stopped, resumed, removed and shared."""

import re

import git_sites
import nbformat
import pytest
from browser_axe import assert_accessible, assert_looks_right
from browser_site import fill_in_login, make_site
from nbformat.v4 import new_markdown_cell, new_notebook
from playwright.sync_api import expect

SECRET = "s" * 48
SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
HOOK = f"""
from launcher.jupyterhub import configure
entry = c.JupyterHub.services.pop(0)
c.JupyterHub.load_roles = []
c.JupyterHub.allow_named_servers = True
configure(c, system="hub", url=entry["url"], api_token=settings["launcher_token"],
          managed=False, hook_token={SECRET!r})
"""
CONFIG = """
c.Launcher.git_hosts = {hosts!r}
c.Launcher.server_options = {{
    "cpu_request": {{"order": 1, "displayName": "CPUs", "type": "enum", "default": 1,
                    "options": [0.5, 1, 2]}},
    "mem_request": {{"order": 2, "displayName": "Memory", "type": "int", "default": "1G",
                    "range": ["1G", "8G"]}},
    "lfs_auto_fetch": {{"order": 3, "displayName": "Fetch large files (LFS)", "type": "boolean",
                       "default": False}},
}}
"""


@pytest.fixture(scope="module")
def git(tmp_path_factory):
    """A GitLab with an open project that has a notebook, and a closed one."""
    site = git_sites.start(tmp_path_factory.mktemp("git"), "gitlab")
    notebook = new_notebook(cells=[new_markdown_cell("# Welcome to the course")])
    repository = site.projects["group/open"].repository
    first = repository.commit({"start.ipynb": nbformat.writes(notebook), "README.md": "Read"})
    repository.tag("v1", first)
    repository.commit({"README.md": "More"}, branch="autumn", parent=first)
    yield site
    site.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory, git):
    """A site whose hub has the spawn hook, and whose launcher knows the git host and another."""
    hosts = [git_sites.entry(git, "gitlab"), {"url": "https://git.example.org", "provider": "git"}]
    made = make_site(
        tmp_path_factory.mktemp("site"),
        config=CONFIG.format(hosts=hosts),
        extra=HOOK,
        base_url="/",
        LAUNCHER_HOOK_TOKEN=SECRET,
    )
    yield made.start()
    made.stop()


def fill_in(page, git, path="group/open", ref="", notebook="", follow=False):
    """Fill in the form of a project."""
    page.get_by_label("Repository").fill(f"{git.url}/{path}")
    page.get_by_label("Branch, tag or commit").fill(ref)
    page.get_by_label("File to open").fill(notebook)
    page.get_by_label("Follow the branch" if follow else "Fixed").check()


def start(page):
    """Press the button Start that can be seen."""
    page.get_by_role("button", name="Start", exact=True).last.click()


def expect_notebook(page, text="Welcome to the course"):
    """JupyterLab is open in the window, with the notebook and its text to be seen."""
    page.wait_for_url("**/lab/**", timeout=90_000)
    page.locator(".jp-Notebook", has_text=text).wait_for(timeout=90_000)


def item(page, title="group/open"):
    """The server of a project in the list."""
    return page.locator("#servers ~ ul > li", has_text=title).first


def listed(page, title="group/open"):
    """The server of a project in the list."""
    return page.locator("#servers ~ ul > li", has_text=title).first


def expect_state(page, state):
    """The list shows the state, without a reload."""
    # a server with a kernel takes long to stop
    expect(listed(page)).to_contain_text(state, timeout=90_000)


def test_a_project_starts_and_is_stopped_resumed_and_removed(make_page, site, git):
    page = make_page("alice")
    page.goto("home/")
    page.get_by_role("link", name="Projects", exact=True).click()
    fill_in(page, git, notebook="start.ipynb")
    page.get_by_text("More options").click()
    page.get_by_label("CPUs").select_option("2")
    start(page)
    expect(page.get_by_text("Open the project")).to_be_visible()
    expect_notebook(page)
    page.close()
    page = make_page("alice")
    page.goto("home/projects")
    expect_state(page, "running")
    listed(page).get_by_role("button", name="Stop").click()
    page.wait_for_url("**/home/projects#servers")
    expect_state(page, "stopped")
    listed(page).get_by_role("button", name="Resume").click()
    page.wait_for_url("**/lab/**", timeout=90_000)
    page = make_page("alice")
    page.goto("home/projects")
    expect_state(page, "running")
    listed(page).get_by_role("link", name="Remove").click()
    expect(page.get_by_text("stays in your home")).to_be_visible()
    page.get_by_role("button", name="Remove the server").click()
    expect(page.get_by_text("You have none yet")).to_be_visible()


def offered(page):
    """The names that the field of the branch offers."""
    return page.locator("#references option").evaluate_all("found => found.map((it) => it.value)")


def test_branches_and_tags_are_offered_while_somebody_types(make_page, git):
    page = make_page("bob")
    page.goto("home/projects")
    page.get_by_label("Repository").fill("group/open")
    page.get_by_label("Branch, tag or commit").click()
    expect(page.get_by_text("2 branches and 1 tag to choose from")).to_be_visible()
    assert offered(page) == ["main", "autumn", "v1"]
    page.keyboard.type("au")
    expect(page.get_by_text("1 branch to choose from")).to_be_visible()
    assert offered(page) == ["autumn"]
    page.keyboard.type("x")
    expect(page.get_by_text("No branch or tag begins like this")).to_be_visible()


def test_a_repository_that_cannot_be_read_is_said_while_somebody_types(make_page, git, watch):
    watch.allow("404")
    page = make_page("bob")
    page.goto("home/projects")
    page.get_by_label("Repository").fill("group/closed")
    page.get_by_label("Branch, tag or commit").click()
    said = page.get_by_role("status").filter(has_text="does not exist")
    expect(said).to_be_visible()
    said.get_by_role("link", name="access token").click()
    page.wait_for_url("**/home/projects/tokens")


@SCRIPTS
def test_a_link_leads_through_the_sign_in_to_the_form_and_the_notebook(
    make_page, site, git, javascript
):
    page = make_page(javascript=javascript)
    page.goto(f"{site.url}/launch/?repo={git.url}/group/open&follow=branch&notebook=start.ipynb")
    fill_in_login(page, f"link-{javascript}".lower())
    page.wait_for_url(re.compile("home/projects.repo="))
    expect(page.get_by_label("Repository")).to_have_value(f"{git.url}/group/open")
    expect(page.get_by_label("Follow the branch")).to_be_checked()
    expect(page.get_by_text("You have none yet")).to_be_visible()
    start(page)
    page.wait_for_url("**/home/launches/*")
    if javascript:
        expect_notebook(page)
    else:
        page.get_by_role("link", name="Open", exact=True).click(timeout=90_000)
        page.wait_for_url("**/lab/**")


def test_a_form_is_filled_in_and_sent_with_the_keyboard_alone(make_page, git):
    page = make_page("kay")
    page.goto("home/projects")
    page.get_by_label("Repository").focus()
    for text in ("group/open", "nothing-there"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("no branch or tag")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Branch, tag or commit")).to_be_focused()
    expect(page.get_by_label("Branch, tag or commit")).to_have_value("nothing-there")


def test_a_checkout_that_fails_says_why_and_is_tried_again(make_page, site, git):
    home = site.hub.home("fay")
    home.mkdir(parents=True, exist_ok=True)
    in_the_way = home / "projects"
    in_the_way.write_text("a file")
    page = make_page("fay", bypass_csp=True)
    page.goto("home/projects")
    fill_in(page, git, notebook="start.ipynb")
    start(page)
    expect(page.get_by_text("The project was not checked out").first).to_be_visible(timeout=90_000)
    expect(page.get_by_role("link", name="Open the server anyway")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Log of the server").click()
    expect(page.get_by_role("log")).to_contain_text("failed")
    page.goto("home/projects")
    expect(listed(page)).to_contain_text("not checked out")
    in_the_way.unlink()
    page.goto("home/")
    page.get_by_role("link", name=re.compile("^group.open")).first.click()
    page.get_by_role("button", name="Stop the server and launch again").click()
    expect_notebook(page)


def test_the_log_goes_on_while_somebody_looks(make_page, site, git):
    open_project(make_page, "lou", git)
    page = make_page("lou")
    page.goto("home/projects")
    listed(page).get_by_role("link", name="Log").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("ServerApp")
    other = make_page("lou")
    other.goto(f"{site.hub.url}/user/lou/{server_of(log)}/api/contents/written-in-the-log")
    expect(log).to_contain_text("written-in-the-log")


def open_project(make_page, user, git):
    """Start a server for the project, and wait until it is ready."""
    page = make_page(user)
    page.goto("home/projects")
    fill_in(page, git)
    start(page)
    page.wait_for_url("**/lab/**", timeout=90_000)
    page.close()


def server_of(log):
    """The name of the server whose log it is."""
    return log.get_attribute("data-lines").rpartition("/")[2]


def empty(page):
    page.goto("home/projects?repo=")


def filled(page):
    page.goto("home/projects?repo=group/open&ref=main&follow=branch")


def wrong(page):
    page.goto("launch/?repo=ssh://a&ref=-x&follow=x&notebook=/a&bogus=1&option.mem_request=99G")


def other_options(page):
    page.goto("home/projects?repo=group/open&option.mem_request=2G")
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("runs with other options")


def share(page):
    page.goto("home/projects?repo=group/open&ref=main")
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_label("Link")).to_be_visible()


def pages_of_a_server(end):
    def show(page):
        page.goto("home/projects")
        listed(page).get_by_role("link", name=end).click()
        page.wait_for_load_state()

    return show


def private(page):
    page.goto("home/projects?repo=group/closed")
    start(page)
    expect(page.get_by_role("alert").get_by_role("link", name="access token")).to_be_visible()


def tokens(page):
    page.goto("home/projects/tokens")


def stored_token(page):
    page.goto("home/projects/tokens")
    page.get_by_label("Token for git.example.org").fill("a-token")
    page.get_by_role("button", name="for git.example.org").click()
    expect(page.get_by_role("status")).to_contain_text("The token was stored.")
    page.get_by_role("button", name="Remove the token for git.example.org").click()
    expect(page.get_by_role("status")).to_contain_text("The token was removed.")


def wrong_token(page):
    page.goto("home/projects/tokens")
    page.get_by_label("Token for The lab's git").fill("two words")
    page.get_by_role("button", name="Store for The lab's git").click()
    expect(page.get_by_role("alert")).to_be_visible()


def launch(page):
    page.goto("home/")
    page.get_by_role("link", name=re.compile("^group.open")).first.click()


PAGES = [empty, filled, wrong, other_options, share, private, tokens, stored_token]
PAGES += [wrong_token, launch]
PAGES += [pages_of_a_server(end) for end in ("Log", "Badge", "Remove")]


def test_every_page_is_accessible_and_fits(make_page, git, watch):
    watch.allow("status of 4")
    open_project(make_page, "pam", git)
    page = make_page("pam", width=360, bypass_csp=True)
    for show in PAGES:
        show(page)
        assert_looks_right(page)
