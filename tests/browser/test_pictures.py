"""The pictures of README and docs, taken of the real pages.

`make screenshots` writes them to docs/pictures; without PICTURES, one of each is taken and thrown
away.
"""

import os
from pathlib import Path

import demo_workshop
import pytest
from browser_site import launch, launched, make_site
from playwright.sync_api import expect
from small_png import shrink

TOP = Path(__file__).parents[2]
# a hub of a cluster, on which grace's server does not start
SPAWNER = """
class PictureSpawner(BrowserSpawner):
    async def start(self):
        if self.user.name == "grace":
            raise RuntimeError("image pull failed: no such image registry.example.org/course:2026")
        await asyncio.sleep(3)
        return await super().start()

    async def progress(self):
        yield {"progress": 20, "message": "Found room in the cluster"}
        yield {"progress": 60, "message": "Pulling the image quay.io/jupyter/scipy-notebook"}

c.JupyterHub.spawner_class = PictureSpawner
c.JupyterHub.load_groups = {"teachers": {"users": ["tina"]}}
"""
ENVIRONMENTS = """
c.Launcher.teacher_groups = ["teachers"]
c.Launcher.systems = [
    {"name": "desk", "display_name": "Workstation", "hostname": ""},
    {"name": "cluster", "display_name": "Cluster", "hostname": "cluster.example.org"},
]
c.Launcher.entrypoint_types = [
    {"name": "conda", "display_name": "Conda environment", "help_link": "https://docs.conda.io"},
    {"name": "image", "display_name": "Container image", "mutable": False,
     "images": ["quay.io/jupyter/scipy-notebook:2026-11-02"]},
]
"""
SIZES = {"desk": (1200, 760), "phone": (390, 760)}
MANY = "PICTURES" in os.environ
MOST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with the bundled experiments."""
    folder = tmp_path_factory.mktemp("site")
    options = {"base_url": "/", "LAUNCHER_HOOK_TOKEN": "s" * 48}
    made = make_site(folder, (), config=ENVIRONMENTS, extra=SPAWNER, **options)
    yield made.start()
    made.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the pictures go."""
    wanted = os.environ.get("PICTURES")
    folder = TOP / wanted if wanted else tmp_path_factory.mktemp("pictures")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(params=["light", "dark"] if MANY else ["light"])
def theme(request):
    """The colours of the pictures."""
    return request.param


@pytest.fixture(params=SIZES if MANY else ["desk"])
def size(request):
    """The size of the pictures."""
    return request.param


@pytest.fixture
def take(folder, theme, size):
    """Take a picture of what is on the screen."""

    def take(page, name):
        picture = page.screenshot(animations="disabled", caret="hide")
        if MANY:
            picture = shrink(picture)
        (folder / f"{name}-{theme}-{size}.png").write_bytes(picture)

    return take


@pytest.fixture
def window(make_page, theme, size):
    """Open a window of that size and theme."""
    width, height = SIZES[size]
    return lambda user: make_page(user, dark=theme == "dark", width=width, height=height)


def test_pictures_of_the_home_page_and_the_form(window, take):
    page = window("marie")
    page.goto("home/")
    take(page, "home")
    page.goto("home/token")
    take(page, "token")
    page.goto("launch/threeclickscience")
    take(page, "form")
    launch(page)
    expect(page.get_by_role("alert")).to_be_visible()
    take(page, "errors")
    page.goto("launch/hello")
    page.get_by_role("button", name="Preview").click()
    expect(page.frame_locator("iframe[sandbox]").locator("body")).to_contain_text("hello")
    page.get_by_role("heading", name="Preview").scroll_into_view_if_needed()
    page.mouse.wheel(0, 2_000)
    page.wait_for_timeout(300)
    take(page, "preview")


def test_pictures_of_a_launch(window, take, site):
    page = window("ada")
    if site.hub.servers("ada"):
        site.hub.stop_server("ada")
    page.goto("launch/hello")
    launch(page)
    begun = launched(page, site)
    expect(page.get_by_role("main")).to_contain_text("Pulling the image", timeout=20_000)
    take(page, "launch")
    page.wait_for_url("**/lab/**", timeout=90_000)
    page.goto(f"home/launches/{begun}")
    take(page, "done")
    page.goto("home/")
    take(page, "home-with-launches")


def test_pictures_of_a_failure(window, take):
    page = window("grace")
    page.goto("launch/hello")
    launch(page)
    expect(page.get_by_role("alert")).to_be_visible(timeout=60_000)
    take(page, "failed")


def test_pictures_of_the_environments(window, take):
    page = window("emmy")
    page.goto("home/environments")
    if page.get_by_role("button", name="Clear").count() == 0:
        for name in ("climate", "hydrology"):
            page.get_by_role("link", name="Add an environment: Conda environment").click()
            page.get_by_label("Name").fill(name)
            page.get_by_label("Path of the environment").fill(f"/home/emmy/.conda/envs/{name}")
            page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_role("button", name="Select climate").click()
    expect(page.get_by_role("button", name="Clear")).to_be_visible()
    page.goto("home/environments")
    take(page, "environments")
    page.get_by_role("link", name="Add an environment: Conda environment").click()
    page.get_by_label("Name").fill("climate")
    page.get_by_label("Path of the environment").fill("climate")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    take(page, "environment-errors")


def test_pictures_of_a_workshop(window, take, site):
    participants = {"users": [*demo_workshop.PARTICIPANTS, "dora", "eve"]}
    demo_workshop.prepare(site.url, site.hub.token_of("tina"), participants)
    page = window("tina")
    page.goto(f"home/workshops/{demo_workshop.NAME}")
    expect(page.get_by_role("main")).to_contain_text("cell 4: NameError", timeout=30_000)
    take(page, "workshop")
    page.get_by_role("link", name="Summary").click()
    for user in demo_workshop.PARTICIPANTS:
        frame = page.frame_locator(f"iframe[title='Last cells of {user}']").locator("body")
        expect(frame).to_contain_text("numbers")
    take(page, "summary")


def test_the_pictures_are_small(folder):
    assert sum(path.stat().st_size for path in folder.glob("*-*-*.png")) < (
        MOST_BYTES if MANY else 4 * MOST_BYTES
    )
