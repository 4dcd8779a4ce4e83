"""A link to a form: it works whatever state the person's session and server are in."""

import json

import pytest
import requests
from browser_site import expect_lab, fill_in_login, launch, launched, wait
from playwright.sync_api import expect

WHEN = "2000-01-31T12:30:00Z"
QUERY = f"p.depth=7&p.when={WHEN}&p.name=a%20%26%20b&p.tags=%5B%22one%22,%22two%22%5D"
PLACE = "directory=course%2Fweek%201&filename=mine.ipynb"
LINK = f"launch/fields?{QUERY}&p.station.code=A1&{PLACE}"
FIELDS = {
    "/parameters/depth": "7",
    "/parameters/when": WHEN,
    "/parameters/name": "a & b",
    "/parameters/tags/0": "one",
    "/parameters/tags/1": "two",
    "/parameters/station/code": "A1",
    "/notebook/directory": "course/week 1",
    "/notebook/filename": "mine.ipynb",
}


def assert_filled_in(page):
    """The form is filled in as the link says."""
    for name, value in FIELDS.items():
        expect(page.locator(f"[name='{name}']")).to_have_value(value)


def launches(site, user):
    """The user's launches."""
    headers = {"Authorization": f"token {site.hub.token_of(user)}"}
    return requests.get(f"{site.url}/launches", headers=headers, timeout=30).json()["launches"]


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_who_is_not_signed_in_finds_everything_after_the_login(make_page, site, javascript):
    page = make_page(javascript=javascript)
    page.goto(LINK)
    assert page.url.startswith(f"{site.hub.url}/hub/login")
    fill_in_login(page, "mona")
    page.wait_for_url(f"{site.url}/launch/fields?**")
    assert_filled_in(page)


def test_a_link_does_nothing_before_somebody_presses_launch(make_page, site):
    page = make_page("nora")
    page.goto(LINK)
    assert_filled_in(page)
    page.wait_for_timeout(500)
    assert launches(site, "nora") == []
    assert not site.hub.servers("nora")


def test_unknown_wrong_and_repeated_values_are_shown_at_their_fields(make_page, site):
    page = make_page("nora")
    page.goto("launch/fields?p.depth=many&p.when=then&p.colour=green&p.name=a&p.name=b&p.no=1&x=2")
    problems = page.get_by_role("alert")
    for words in ("Depth", "Start", "Colour", "Name", "no", "x"):
        expect(problems).to_contain_text(words)
    expect(page.get_by_label("Depth").first).to_have_value("many")
    expect(page.get_by_label("Depth").first).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Start").first).to_have_attribute("aria-invalid", "true")
    assert launches(site, "nora") == []


@pytest.mark.parametrize("length", [3_900, 4_400, 7_000])
def test_a_link_that_is_too_long_is_explained(make_page, length):
    page = make_page("nora")
    answer = page.goto(f"launch/fields?p.name={'x' * length}")
    assert answer.status == 200
    words = "Name may be at most 40" if length < 4_000 else "more than 4,000 characters"
    expect(page.get_by_role("alert")).to_contain_text(words)


def test_the_longest_link_is_kept_over_a_login(make_page, site):
    page = make_page()
    link = f"launch/fields?p.depth=7&p.when={'%22' * 1_300}"
    page.goto(link)
    fill_in_login(page, "nora")
    page.wait_for_url(f"{site.url}/launch/fields?**")
    expect(page.get_by_label("Start").first).to_have_value('"' * 1_300)


def test_a_link_that_does_not_survive_a_login_is_explained(make_page):
    page = make_page()
    assert page.goto(f"launch/fields?p.name={'x' * 5_000}").status == 400
    expect(page.get_by_role("main")).to_contain_text("Sign in before you open it")


def prepare(site, user, state):
    """Bring the user's server into a state, without waiting for the end of a change."""
    if state == "running":
        site.hub.start_server(user)
    elif state == "starting":
        site.hub.add_user(user)
        site.hub.api("POST", "users", user, "server")
    elif state == "stopping":
        site.hub.start_server(user)
        assert site.hub.api("DELETE", "users", user, "server").status_code == 202


@pytest.mark.parametrize(
    ("user", "state"),
    [
        ("olga", "stopped"),
        ("slow-pete", "starting"),
        ("quinn", "running"),
        ("lingering-ruth", "stopping"),
    ],
)
def test_a_link_opens_the_notebook_from_every_state_of_the_server(make_page, site, user, state):
    page = make_page(user)
    prepare(site, user, state)
    page.goto(LINK)
    launch(page)
    expect_lab(page, "a & b", "mine.ipynb")
    notebook = site.hub.notebook(user, "course/week 1/mine.ipynb")
    assert "depth = 7" in json.dumps(notebook)


def test_a_session_that_ended_meanwhile_loses_nothing_that_was_typed(make_page, site):
    page = make_page("sam")
    page.goto(LINK)
    name = page.locator("[name='/parameters/name']")
    name.fill("typed")
    page.context.clear_cookies()
    launch(page)
    fill_in_login(page, "sam")
    expect(name).to_have_value("typed")
    expect(page.locator("[name='/parameters/depth']")).to_have_value("7")
    assert not site.hub.servers("sam")


def test_a_form_of_an_earlier_session_is_shown_again_and_then_launches(make_page, site):
    page = make_page("sam")
    page.goto(LINK.replace("mine.ipynb", "renewed.ipynb"))
    page.locator("[name='_xsrf']").last.evaluate("each => { each.value = 'old' }")
    launch(page)
    expect(page.get_by_role("alert")).to_contain_text("Press Launch again.")
    expect(page.locator("[name='/parameters/depth']")).to_have_value("7")
    assert not site.hub.servers("sam")
    launch(page)
    launched(page, site)


def test_the_notebook_has_a_link_to_change_its_parameters(make_page, site):
    page = make_page("quinn")
    page.goto(LINK.replace("mine.ipynb", "linked.ipynb"))
    launch(page)
    launched(page, site)
    path = site.hub.home("quinn") / "course/week 1/linked.ipynb"
    wait(page, path.exists)
    [cell] = [
        "".join(cell["source"])
        for cell in site.hub.notebook("quinn", "course/week 1/linked.ipynb")["cells"]
        if "/launch/fields" in "".join(cell["source"])
    ]
    link = cell.partition("](")[2].partition(")")[0]
    assert link.startswith(f"{site.url}/launch/fields?")
    page.goto(link)
    expect(page.locator("[name='/parameters/depth']")).to_have_value("7")
    expect(page.locator("[name='/parameters/name']")).to_have_value("a & b")
