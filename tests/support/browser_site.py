"""The site that the tests with a browser share, and how somebody signs in to it."""

from pathlib import Path

from experiment_folders import write_experiment
from site_of_launcher import Site

EVIL_SERVER = Path(__file__).with_name("evil_server.py")

# the server of `evil-…` does what its user wants, that of `lingering-…` takes long to stop
SPAWNER = f"""
class BrowserSpawner(TestSpawner):
    async def start(self):
        if self.user.name.startswith("evil"):
            self.cmd, self.args = [sys.executable, {str(EVIL_SERVER)!r}], []
        return await super().start()

    async def stop(self, now=False):
        if self.user.name.startswith("lingering"):
            await asyncio.sleep(5)
        return await super().stop(now)

c.JupyterHub.spawner_class = BrowserSpawner
c.JupyterHub.public_url = settings["public_url"]
c.JupyterHub.tornado_settings["slow_stop_timeout"] = 1
"""
CONFIG = """
c.Launcher.breaker_seconds = 0
c.Launcher.start_cooldown = 0
"""

# a control of each kind
SCHEMA = """
title: Every kind of field
description: |
  One parameter of each kind that a form has a control for.
type: object
required: [depth, when]
additionalProperties: false
properties:
  depth: {type: integer, minimum: 1, maximum: 10, title: Depth, description: In metres.}
  when: {type: string, format: date-time, maxLength: 40, title: Start}
  name: {type: string, maxLength: 40, title: Name, default: x}
  colour: {type: string, enum: [red, blue], title: Colour, default: red}
  exact: {type: boolean, title: Exact, default: false}
  factor: {type: number, minimum: 0, title: Factor}
  tags:
    type: array
    title: Tags
    maxItems: 3
    items: {type: string, maxLength: 10}
  station:
    type: object
    title: Station
    additionalProperties: false
    properties:
      code: {type: string, maxLength: 8, title: Code}
      height: {type: number, title: Height}
"""
TEMPLATE = """# %% tags=["parameters"]
depth = 1
when = ""
name = "x"
colour = "red"
exact = False
factor = None
tags = None
station = None

# %% [markdown]
# # Fields

# %%
print(depth, when, name, colour, exact, factor, tags, station)
"""


FIELDS = ("fields", SCHEMA, TEMPLATE)


def make_site(folder, experiments=(FIELDS,), **options):
    """A site with the bundled experiments and others: triples of name, schema and template."""
    shelf = folder / "experiments"
    shelf.mkdir()
    for name, schema, template in experiments:
        write_experiment(shelf / name, schema, template)
    config = f"{CONFIG}c.Launcher.experiment_paths = [{str(shelf)!r}]\n{options.pop('config', '')}"
    options.setdefault("base_url", "/jupyter/")
    extra = SPAWNER + options.pop("extra", "")
    return Site(folder, config=config, extra=extra, **options)


def fill_in_login(page, user):
    """Fill in the hub's login form, at which the page is."""
    page.fill("#username_input", user)
    page.fill("#password_input", f"pässwörd of {user}")
    page.click("#login_submit")


def sign_in(page, site, user, path="/home/"):
    """Open a page of the launcher as somebody who is not signed in anywhere, and sign in."""
    page.goto(site.url + path)
    assert page.url.startswith(f"{site.hub.url}/hub/login"), page.url
    fill_in_login(page, user)
    page.wait_for_url(f"{site.url}/**")


def wait(page, condition, seconds=90):
    """Wait until `condition()` is true, while the browser works."""
    for _ in range(seconds * 5):
        if found := condition():
            return found
        page.wait_for_timeout(200)
    raise AssertionError(f"it did not happen in {seconds} s")


def launch(page):
    """Press the button Launch that can be seen."""
    page.get_by_role("button", name="Launch", exact=True).click()


def launched(page, site):
    """The id of the launch at whose page the window is."""
    page.wait_for_url(f"{site.url}/home/launches/*")
    return page.url.partition("?")[0].rpartition("/")[2]


def expect_lab(page, text, notebook="fields.ipynb"):
    """JupyterLab is open in the window, with the notebook and its text to be seen."""
    page.wait_for_url("**/lab/**", timeout=90_000)
    page.locator(".jp-Notebook", has_text=text).wait_for(timeout=90_000)
    page.locator(".lm-TabBar-tabLabel", has_text=notebook).first.wait_for()
