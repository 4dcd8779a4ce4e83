"""A launch's page: progress as it happens, how it ended, and what can be done then."""

import re

import pytest
from browser_site import expect_lab, launch, launched, wait
from playwright.sync_api import expect

FILLED = "launch/fields?p.depth=4&p.when=2000-01-31T12:30:00Z&p.name=hello"
# what moves without anybody having done something
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) window.shifts.push(entry.value);
  }
}).observe({type: "layout-shift", buffered: true});
"""


def begin(page, site):
    """Launch what the form has; returns the id."""
    page.goto(FILLED)
    launch(page)
    return launched(page, site)


def test_a_launch_is_followed_into_jupyterlab_in_the_same_tab(make_page, site):
    page = make_page("slow-anna")
    page.add_init_script(SHIFTS)
    begin(page, site)
    expect(page.get_by_role("status").first).to_contain_text("Your server is starting")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Looking for room", timeout=20_000)
    assert sum(page.evaluate("window.shifts")) < 0.02
    expect_lab(page, "hello")
    assert len(page.context.pages) == 1


def test_without_scripts_the_page_refreshes_itself_and_has_a_link(make_page, site):
    page = make_page("slow-bert", javascript=False)
    begin(page, site)
    expect(page.get_by_role("main")).to_contain_text("Your server is starting")
    link = page.get_by_role("link", name="Open", exact=True)
    expect(link).to_be_visible(timeout=90_000)
    assert "/user/slow-bert/lab/" in link.get_attribute("href")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_a_failure_says_why_and_what_to_do(make_page, site, javascript):
    page = make_page("bad-carl", javascript=javascript)
    begin(page, site)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("image pull failed: no such image foo:1", timeout=60_000)
    expect(page.get_by_role("button", name="Launch again")).to_be_visible()
    page.get_by_role("link", name="Change parameters").click()
    expect(page.get_by_label("Name").first).to_have_value("hello")


def test_a_second_try_after_a_failure_opens_the_notebook(make_page, site):
    page = make_page("once-dora")
    begin(page, site)
    expect(page.get_by_role("alert")).to_contain_text("image pull failed", timeout=60_000)
    page.get_by_role("button", name="Launch again").click()
    expect_lab(page, "hello")


def test_a_launch_can_be_cancelled_and_begun_again(make_page, site):
    page = make_page("never-emil")
    first = begin(page, site)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").first).to_contain_text("Cancelled")
    assert launched(page, site) == first
    page.get_by_role("button", name="Launch again").click()
    page.wait_for_url(lambda url: first not in url)
    assert launched(page, site) != first
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").first).to_contain_text("Cancelled")


def test_who_leaves_and_returns_sees_how_it_ended_and_stays(make_page, site):
    page = make_page("slow-fay")
    begun = begin(page, site)
    page.goto("home/")
    expect(page.get_by_role("main")).to_contain_text("Every kind of field")
    listed = page.get_by_role("listitem").filter(has_text="experiments/fields.ipynb")
    expect(listed.get_by_role("link", name="Open")).to_be_visible(timeout=90_000)
    page.goto(f"home/launches/{begun}")
    expect(page.get_by_role("status").first).to_contain_text("Ready")
    page.wait_for_timeout(1500)
    assert begun in page.url
    page.get_by_role("link", name="Open", exact=True).click()
    expect_lab(page, "hello")


def test_a_lost_connection_is_said_and_the_page_goes_on_when_it_is_back(make_page, site, watch):
    watch.allow(r"ERR_INTERNET_DISCONNECTED")
    page = make_page("slow-ivan")
    begin(page, site)
    page.context.set_offline(True)
    expect(page.get_by_text("Connection lost; trying again")).to_be_visible()
    page.context.set_offline(False)
    expect_lab(page, "hello")


def test_two_tabs_follow_the_same_launch(make_page, site):
    page = make_page("slow-gina")
    begun = begin(page, site)
    other = page.context.new_page()
    other.goto(f"home/launches/{begun}")
    # two first visits of a server at the same moment may disturb each other's sign-in to it
    for tab in (page, other):
        tab.wait_for_url("**/user/slow-gina/**", timeout=90_000, wait_until="commit")
    page.goto(f"home/launches/{begun}")
    page.get_by_role("link", name="Open", exact=True).click()
    expect_lab(page, "hello")


def test_two_tabs_launch_two_notebooks(make_page, site):
    page = make_page("slow-hans")
    other = page.context.new_page()
    page.goto(FILLED)
    other.goto(FILLED)
    launch(page)
    launch(other)
    assert launched(page, site) != launched(other, site)
    home = site.hub.home("slow-hans") / "experiments"
    wait(page, lambda: len(list(home.glob("*.ipynb"))) == 2)


def test_a_double_click_launches_once(make_page, site):
    page = make_page("never-ida")
    page.goto(FILLED)
    page.get_by_role("button", name="Launch", exact=True).dblclick()
    launched(page, site)
    page.goto("home/")
    launches = page.get_by_role("region", name="Recent launches")
    expect(launches.get_by_role("listitem")).to_have_count(1)
    launches.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").first).to_contain_text("Cancelled")


def test_another_users_launch_is_not_found(make_page, site):
    mine = make_page("never-jack")
    begun = begin(mine, site)
    mine.get_by_role("button", name="Cancel").click()
    expect(mine.get_by_role("status").first).to_contain_text("Cancelled")
    other = make_page("alice")
    assert other.goto(f"home/launches/{begun}").status == 404
    expect(other.get_by_role("main")).to_contain_text("There is no such launch")


def test_servers_are_started_and_stopped_on_the_home_page(make_page, site):
    page = make_page("lena")
    page.goto("home/")
    servers = page.get_by_role("region", name="My servers")
    servers.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/home/launches/|/lab"), timeout=90_000)
    page.wait_for_url("**/user/lena/**", timeout=90_000)
    page.goto("home/")
    expect(servers).to_contain_text("running")
    servers.get_by_role("button", name="Stop").click()
    expect(servers).to_contain_text("No server runs", timeout=60_000)
    wait(page, lambda: not site.hub.servers("lena"))


def test_the_pictures_of_experiments_are_shown(page):
    page.goto("home/")
    pictures = page.get_by_role("region", name="Experiments").locator("img")
    assert pictures.count() > 0
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", value=True)
        assert picture.evaluate("element => element.naturalWidth") > 0


def test_the_search_finds_experiments_by_their_words(page):
    page.goto("home/")
    cards = page.get_by_role("region", name="Experiments").get_by_role("heading", level=3)
    every = cards.count()
    assert every > 3
    page.get_by_label("Search the experiments").fill("every kind")
    expect(cards.locator("visible=true")).to_have_count(1)
    page.get_by_label("Search the experiments").fill("nothing has these words")
    expect(page.get_by_text("No experiment has these words")).to_be_visible()
    page.get_by_label("Search the experiments").fill("")
    expect(cards.locator("visible=true")).to_have_count(every)
