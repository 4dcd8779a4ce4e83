"""A browser, a real site, and a watch that fails a test when something else goes wrong."""

import shutil
from collections import defaultdict

import pytest
from browser_site import make_site, sign_in
from browser_watch import Watch
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
DESK = 1200
# on a busy machine, a page may take seconds
SECONDS = 30
expect.set_options(timeout=SECONDS * 1000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark all tests of this folder: they need Chromium."""
    for item in items:
        if "browser" in item.path.parent.name:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A real hub below /jupyter/ whose proxy serves a launcher with two workers."""
    made = make_site(tmp_path_factory.mktemp("site"))
    yield made.start()
    made.stop()


@pytest.fixture(scope="session")
def signed_in():
    """Cookies of those who have signed in, by site and user."""
    return defaultdict(dict)


@pytest.fixture(autouse=True)
def watch(site):
    """Fails the test if a page of the launcher did something unexpected."""
    watch = Watch(site)
    yield watch
    assert watch.unexpected() == []


@pytest.fixture
def make_page(browser, site, watch, signed_in):
    """Open windows: `make_page(user, dark=True, width=360, javascript=False)`.

    Each has its own cookies; with `user`, those of somebody who is signed in to the launcher.
    """
    contexts = []

    def make(user=None, *, dark=False, width=DESK, height=800, javascript=True, at=site, **more):
        if user and user not in signed_in[at.url]:
            signed_in[at.url][user] = _cookies_of(browser, at, user)
        context = browser.new_context(
            storage_state=signed_in[at.url].get(user),
            base_url=f"{at.url}/",
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            **more,
        )
        context.set_default_timeout(SECONDS * 1000)
        watch.follow(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(make_page):
    """A window of alice, who is signed in."""
    return make_page("alice")


def _cookies_of(browser, site, user):
    context = browser.new_context()
    context.set_default_timeout(SECONDS * 1000)
    page = context.new_page()
    sign_in(page, site, user)
    state = context.storage_state()
    context.close()
    return state
