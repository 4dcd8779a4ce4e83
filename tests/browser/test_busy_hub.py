"""A hub that is busy, restarts, or is away, as people see it on the pages."""

import pytest
import requests
from browser_site import expect_lab, fill_in_login, launch, launched, make_site, wait
from playwright.sync_api import expect

BUSY = "c.JupyterHub.concurrent_spawn_limit = 1\nc.Spawner.start_timeout = 20\n"
FILLED = "launch/fields?p.depth=4&p.when=2000-01-31T12:30:00Z&p.name=hello"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site whose hub starts one server at a time."""
    made = make_site(tmp_path_factory.mktemp("busy"), extra=BUSY)
    yield made.start()
    made.stop()


def test_a_launch_waits_for_a_busy_hub_and_then_opens(make_page, site):
    site.hub.add_user("never-first")
    site.hub.api("POST", "users", "never-first", "server")
    page = make_page("anna")
    page.goto(FILLED)
    launch(page)
    launched(page, site)
    expect(page.get_by_role("status").first).to_contain_text("Waiting for a place")
    expect(page.get_by_role("status").first).to_contain_text("queue")
    expect_lab(page, "hello")


def is_ready(site):
    """Whether the launcher says that it can launch."""
    return requests.get(f"{site.launcher.url}/ready", timeout=30).status_code == 200


def test_a_form_sent_while_the_hub_is_away_is_kept(make_page, site, watch):
    page = make_page("bruno")
    page.goto(FILLED)
    page.get_by_label("Name").first.fill("kept")
    site.hub.stop_hub()
    wait(page, lambda: not is_ready(site))
    launch(page)
    # a worker that has not noticed yet accepts the launch, which then waits for the hub; its page
    # asks for news until somebody can say again who asks
    watch.allow("^status: 503 .*/launches/")
    refused = page.get_by_role("alert").filter(has_text="The hub cannot be used at the moment")
    waiting = page.get_by_role("button", name="Cancel")
    expect(refused.or_(waiting).first).to_be_visible()
    site.hub.start_hub()
    wait(page, lambda: is_ready(site))
    if refused.count():
        expect(page.get_by_label("Name").first).to_have_value("kept")
        launch(page)
    expect_lab(page, "kept")


def test_a_sign_in_while_the_hub_is_away_says_so(make_page, site, watch):
    page = make_page()
    page.goto("home/")
    asked = page.url
    site.hub.stop_hub()
    answer = page.goto("home/")
    assert answer.status == 503
    site.hub.start_hub()
    page.goto(asked)
    fill_in_login(page, "bert")
    page.wait_for_url(f"{site.url}/home/")
