"""Environments in a browser: they are added, selected, and servers start in them."""

from pathlib import Path

import pytest
from browser_axe import assert_looks_right
from browser_site import expect_lab, launch, make_site
from playwright.sync_api import expect

SUPPORT = Path(__file__).parents[1] / "support"
SECRET = "s" * 48
SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
HOOK = f"""
from launcher.jupyterhub import configure
entry = c.JupyterHub.services.pop(0)
c.JupyterHub.load_roles = []
c.JupyterHub.allow_named_servers = True
configure(c, system="desk", url=entry["url"], api_token=settings["launcher_token"],
          managed=False, hook_token={SECRET!r})
"""
CONFIG = """
c.Launcher.systems = [
    {"name": "desk", "display_name": "Workstation", "hostname": ""},
    {"name": "cluster", "display_name": "Cluster", "hostname": "login.cluster.example.org"},
]
c.Launcher.entrypoint_types = [
    {"name": "conda", "display_name": "Conda environment"},
    {"name": "script", "display_name": "Start-up script", "help_link": "https://docs.example.org"},
    {"name": "image", "display_name": "Image", "mutable": False,
     "images": ["registry.example.org/a-long-name-of-a-team/lab:2026.1"]},
]
c.Launcher.validator = "checked_files:FilesOfTheTest"
c.Launcher.environment_servers = True
# for the link to the page Projects
c.Launcher.git_hosts = [{"url": "https://git.example.org", "provider": "git"}]
"""
# says that it ran, and goes on as the server
SCRIPT = '#!/bin/sh\necho {name} >>{log}\nexec "$@"\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with two systems, whose hub has the spawn hook."""
    options = {"base_url": "/", "LAUNCHER_HOOK_TOKEN": SECRET, "PYTHONPATH": str(SUPPORT)}
    made = make_site(tmp_path_factory.mktemp("site"), config=CONFIG, extra=HOOK, **options)
    yield made.start()
    made.stop()


class Scripts:
    """Start-up scripts, and in which of them servers were started."""

    def __init__(self, folder):
        self.log = folder / "log"
        self.folder = folder

    def make(self, name):
        """Make a script; its path."""
        path = self.folder / name
        path.write_text(SCRIPT.format(name=name, log=self.log))
        path.chmod(0o755)
        return str(path)

    def started(self):
        """The names of the scripts in the order of the starts."""
        return self.log.read_text().split()


@pytest.fixture
def scripts(tmp_path):
    return Scripts(tmp_path)


def add(page, name, path, *systems):
    """Add a start-up script with the form."""
    page.goto("home/environments?system=desk")
    page.get_by_role("link", name="Add an environment: Start-up script").click()
    fill_in(page, name, path, *systems)


def fill_in(page, name, path, *systems):
    """Fill in the form, and send it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Path of the script").fill(path)
    for system in systems:
        page.get_by_label(system).check()
    page.get_by_role("button", name="Add", exact=True).click()


def item(page, name):
    """The environment in the list."""
    return page.get_by_role("listitem").filter(has=page.locator("strong", has_text=name))


@SCRIPTS
def test_from_an_empty_registry_to_a_server_in_ones_environment(make_page, scripts, javascript):
    page = make_page(f"first-{javascript}".lower(), javascript=javascript)
    page.goto("home/")
    page.get_by_role("link", name="Environments").click()
    expect(page.get_by_role("region", name="Selected on Workstation")).to_contain_text(
        "Nothing is selected"
    )
    add(page, "climate", f"{scripts.folder}/nowhere")
    expect(page.get_by_role("alert").first).to_contain_text("cannot be used on Workstation")
    expect(page.get_by_role("main")).to_contain_text("It does not exist.")
    expect(page.get_by_label("Name")).to_have_value("climate")
    fill_in(page, "climate", scripts.make("climate"))
    page.get_by_role("button", name="Select climate").click()
    expect(page.get_by_role("region", name="Selected on Workstation")).to_contain_text("climate")
    page.goto("launch/hello")
    launch(page)
    if javascript:
        expect_lab(page, "hello", "hello.ipynb")
    else:
        page.get_by_role("link", name="Open", exact=True).wait_for(timeout=90_000)
    assert scripts.started() == ["climate"]


def test_another_environment_is_launched_after_the_server_is_stopped(make_page, scripts):
    page = make_page("changing")
    for name in ("climate", "hydrology"):
        add(page, name, scripts.make(name))
    for name in ("climate", "hydrology"):
        page.goto("launch/hello")
        page.locator("summary").click()
        page.get_by_label("Environment").select_option(f"desk/{name}")
        launch(page)
        if name == "climate":
            expect_lab(page, "hello", "hello.ipynb")
    expect(page.get_by_role("alert")).to_contain_text("Your server runs in 'climate'")
    expect(page.get_by_role("button", name="Launch on a server of its own")).to_be_visible()
    page.get_by_role("button", name="Stop the server and launch again").click()
    expect_lab(page, "hello", "hello-1.ipynb")
    assert scripts.started() == ["climate", "hydrology"]


def test_an_environment_is_selected_with_the_keyboard_alone(make_page, scripts):
    page = make_page("keyboard")
    add(page, "climate", scripts.make("climate"))
    press_to(page, "Select climate")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Selected on Workstation")).to_contain_text("climate")
    press_to(page, "Clear the selection climate")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Selected on Workstation")).to_contain_text("Nothing")
    press_to(page, "Remove climate")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Remove climate?")
    press_to(page, "Remove")
    page.keyboard.press("Enter")
    expect(item(page, "climate")).to_have_count(0)


def press_to(page, words):
    """Press the key Tab until the element with these words has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        text = page.evaluate("() => document.activeElement.textContent.trim()")
        if " ".join(text.split()) == words:
            return
    raise AssertionError(f"the key Tab does not reach {words!r}")


def the_list(page, scripts):
    page.goto("home/environments?system=cluster")
    page.get_by_role("button", name="Select registry.example.org").click()
    expect(page.get_by_role("button", name="Clear the selection")).to_be_visible()


def a_report(page, scripts):
    page.goto("home/environments?system=desk")
    page.get_by_role("button", name="Check again a-name").first.click()
    expect(page.get_by_role("status")).to_contain_text("It is there.")


def an_empty_form(page, scripts):
    page.goto("home/environments/add?system=desk&type=conda")


def a_form_with_errors(page, scripts):
    page.goto("home/environments/add?system=desk&type=conda")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Name has to be filled in")


def a_form_with_a_report(page, scripts):
    add(page, "elsewhere", f"{scripts.folder}/{'no' * 60}", "Cluster")
    expect(page.get_by_role("main")).to_contain_text("login.cluster.example.org")


def removing(page, scripts):
    page.goto("home/environments?system=desk")
    page.get_by_role("link", name="Remove a-name").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Remove")


def choosing(page, scripts):
    page.goto("launch/hello?entrypoint=nothing&system=desk")
    expect(page.get_by_label("Environment")).to_be_visible()


PAGES = [
    the_list,
    a_report,
    an_empty_form,
    a_form_with_errors,
    a_form_with_a_report,
    removing,
    choosing,
]


def test_the_pages_are_accessible_and_fit_a_phone(make_page, scripts):
    # axe sets styles for its measurements
    page = make_page("reader", width=360, bypass_csp=True)
    add(page, "a-name-that-is-rather-long-for-a-phone", scripts.make("x" * 80))
    for show in PAGES:
        show(page, scripts)
        page.wait_for_load_state()
        assert_looks_right(page)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_the_pages_fit_in_one_row_of_the_navigation_on_a_phone(make_page):
    page = make_page("alice", width=390)
    page.goto("home/")
    links = page.locator(".navbar .nav-link")
    expect(links).to_have_text(["Home", "Projects", "Environments", "Token", "API", "JupyterHub"])
    assert len(set(links.evaluate_all("found => found.map((it) => it.offsetTop)"))) == 1
