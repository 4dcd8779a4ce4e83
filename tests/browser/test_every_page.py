"""What holds for every page: accessible in light and dark, and fit for a phone."""

import pytest
from browser_axe import assert_looks_right
from browser_site import launch, launched, sign_in
from playwright.sync_api import expect

WHEN = "2000-01-31T12:30:00Z"
FILLED = f"launch/fields?p.depth=4&p.when={WHEN}"


def home(page, site):
    page.goto("home/")


def token(page, site):
    page.goto("home/token")


def environments_of_a_site_without_systems(page, site):
    page.goto("home/environments")


def form(page, site):
    page.goto("launch/fields")


def form_with_rows(page, site):
    page.goto("launch/fields?p.tags=%5B%22a%22,%22b%22%5D&p.station.code=x")
    page.locator("summary").click()


def form_of_a_wrong_link(page, site):
    page.goto("launch/fields?p.depth=0&p.when=yesterday&p.bogus=1")


def form_with_errors(page, site):
    page.goto("launch/fields?p.depth=4")
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()


def preview(page, site):
    page.goto(FILLED)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()


def preview_alone(page, site):
    page.goto(FILLED.replace("fields?", "fields/preview?"))


def share(page, site):
    page.goto(FILLED)
    page.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_role("heading", name="Share")).to_be_visible()


def experiment_with_many_parameters(page, site):
    page.goto("launch/bmi")


def not_found(page, site):
    page.goto("home/nothing")


def no_such_experiment(page, site):
    page.goto("launch/nothing")


def refused(page, site):
    page.goto("oauth_callback?code=x&state=x")


def signed_out(page, site):
    page.context.clear_cookies()
    sign_in(page, site, "passer-by")
    page.get_by_role("button", name="Logout").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("signed out")


PAGES = [
    home,
    token,
    environments_of_a_site_without_systems,
    form,
    form_with_rows,
    form_of_a_wrong_link,
    form_with_errors,
    preview,
    preview_alone,
    share,
    experiment_with_many_parameters,
    not_found,
    no_such_experiment,
    refused,
    signed_out,
]


@pytest.mark.parametrize("show", PAGES, ids=[show.__name__ for show in PAGES])
def test_a_page_is_accessible_and_fits_a_phone(make_page, site, show):
    # axe sets styles for its measurements
    page = make_page("alice", width=360, bypass_csp=True)
    show(page, site)
    assert_looks_right(page)
    if show is not preview_alone:
        expect(page.get_by_role("main")).to_have_count(1)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_the_theme_can_be_chosen_and_stays(make_page):
    page = make_page("alice")
    page.goto("home/")
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto("launch/fields")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def begin(page, site):
    page.goto("launch/hello")
    launch(page)
    return launched(page, site)


def under_way(page, site):
    begin(page, site)
    expect(page.get_by_role("main")).to_contain_text("Looking for room", timeout=20_000)


def cancelled(page, site):
    begin(page, site)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").first).to_contain_text("Cancelled")


def failed(page, site):
    begin(page, site)
    expect(page.get_by_role("alert")).to_be_visible(timeout=60_000)


def done(page, site):
    begun = begin(page, site)
    page.wait_for_url("**/lab/**", timeout=90_000)
    page.goto(f"home/launches/{begun}")
    expect(page.get_by_role("link", name="Open", exact=True)).to_be_visible()


def home_with_launches(page, site):
    done(page, site)
    page.goto("home/")
    expect(page.get_by_role("region", name="Recent launches")).to_contain_text("Ready")


LAUNCHES = {
    "slow-under-way": under_way,
    "never-cancelled": cancelled,
    "bad-failed": failed,
    "done": done,
    "home": home_with_launches,
}


@pytest.mark.parametrize("user", LAUNCHES)
def test_the_page_of_a_launch_is_accessible_and_fits_a_phone(make_page, site, user):
    page = make_page(user, width=360, bypass_csp=True)
    LAUNCHES[user](page, site)
    assert_looks_right(page)
