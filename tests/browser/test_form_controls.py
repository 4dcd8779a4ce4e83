"""Rows, names and values, and alternatives: with scripts as without, and never in the way."""

import json
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from browser_axe import assert_looks_right
from browser_site import make_site
from form_schemas import TORTURE
from playwright.sync_api import expect

from launcher.links.query import parse

TEMPLATE = '# %% tags=["parameters"]\n' + "".join(
    f"{name} = None\n" for name in TORTURE["properties"]
)
SCRIPTS = pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
FULL = {
    "lists": "[[1],[2,3]]",
    "rows": '[{"on":true,"list":["a",null],"size":3}]',
    "names": '{"k":["x"]}',
    "either": '{"start":"x"}',
    "open": '{"name":"n","more":[1]}',
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with an experiment whose parameters are hard to show."""
    experiment = ("torture", json.dumps(TORTURE), TEMPLATE)
    made = make_site(tmp_path_factory.mktemp("site"), experiments=[experiment])
    yield made.start()
    made.stop()


def opened(page, **parameters):
    """Open the form, filled in by a link."""
    query = urlencode({f"p.{name}": value for name, value in parameters.items()})
    page.goto(f"launch/torture?{query}")


def shared(page):
    """The parameters that would be launched, as the page itself shares them."""
    page.get_by_role("button", name="Share", exact=True).click()
    link = page.get_by_label("Link", exact=True).input_value()
    values = parse(TORTURE, parse_qsl(urlsplit(link).query, keep_blank_values=True))
    assert values.errors == []
    return values.parameters


def press(page, action):
    """Press one of the form's own buttons."""
    page.locator(f'button[value="{action}"]').click()


def field(page, name):
    """The field with that name."""
    return page.locator(f'[name="{name}"]')


@SCRIPTS
def test_an_untouched_form_shares_nothing_but_defaults(make_page, javascript):
    page = make_page("alice", javascript=javascript)
    opened(page)
    assert shared(page) == {
        "emptied": "x",
        "share": 0.5,
        "flag": True,
        "null_flag": None,
        "texts": ["a"],
        "set": {"a": "x"},
    }


@SCRIPTS
def test_rows_in_rows_are_added_and_removed(make_page, javascript):
    page = make_page("alice", javascript=javascript)
    opened(page)
    press(page, "add /parameters/lists")
    press(page, "add /parameters/lists/0")
    expect(field(page, "/parameters/lists/0/0")).to_be_focused()
    page.keyboard.type("5")
    press(page, "add /parameters/lists")
    press(page, "add /parameters/lists/1")
    press(page, "add /parameters/lists/1")
    field(page, "/parameters/lists/1/1").fill("7")
    press(page, "remove /parameters/lists/1/0")
    press(page, "add /parameters/rows")
    field(page, "/parameters/rows/0/on").check()
    expect(field(page, "/parameters/rows/0/size")).to_have_value("3")
    press(page, "add /parameters/rows/0/list")
    field(page, "/parameters/rows/0/list/0").fill("a")
    value = shared(page)
    assert value["lists"] == [[5], [7]]
    assert value["rows"] == [{"on": True, "list": ["a"], "size": 3}]


@SCRIPTS
def test_names_and_values_are_added(make_page, javascript):
    page = make_page("alice", javascript=javascript)
    opened(page)
    press(page, "pair /parameters/names")
    expect(field(page, "key:/parameters/names/~#0")).to_be_focused()
    page.keyboard.type("a/b")
    press(page, "add /parameters/names/~#0")
    field(page, "/parameters/names/~#0/0").fill("x")
    press(page, "pair /parameters/names")
    press(page, "remove /parameters/names/~#1")
    assert shared(page)["names"] == {"a/b": ["x"]}


@SCRIPTS
def test_the_last_row_that_is_allowed_takes_the_button_away(make_page, javascript):
    page = make_page("alice", javascript=javascript)
    opened(page, texts='["a","b","c"]')
    press(page, "add /parameters/texts")
    button = page.locator('button[value="add /parameters/texts"]')
    expect(button).to_be_hidden()
    press(page, "remove /parameters/texts/1")
    expect(button).to_be_visible()
    assert shared(page)["texts"] == ["a", "c"]


@SCRIPTS
def test_another_alternative_is_chosen(make_page, javascript):
    page = make_page("alice", javascript=javascript)
    opened(page)
    kind = field(page, "type:/parameters/either")
    kind.select_option("3")
    if not javascript:
        press(page, "switch /parameters/either")
    field(page, "/parameters/either/start").fill("first")
    assert shared(page)["either"] == {"start": "first"}
    kind.select_option("2")
    if not javascript:
        press(page, "switch /parameters/either")
    press(page, "add /parameters/either")
    press(page, "add /parameters/either/0")
    field(page, "/parameters/either/0/0").check()
    assert shared(page)["either"] == [[True]]


def test_what_was_typed_comes_back_with_its_alternative(make_page):
    page = make_page("alice")
    opened(page, either='{"start":"x"}')
    kind = field(page, "type:/parameters/either")
    start = field(page, "/parameters/either/start")
    start.fill("typed")
    kind.focus()
    kind.select_option("1")
    expect(start).to_have_count(0)
    expect(kind).to_be_focused()
    kind.select_option("")
    kind.select_option("3")
    expect(start).to_have_value("typed")
    assert shared(page)["either"] == {"start": "typed"}


def test_rows_are_announced_and_the_focus_stays_near(make_page):
    page = make_page("alice")
    opened(page, numbers="[1,2,3]")
    press(page, "remove /parameters/numbers/1")
    expect(field(page, "/parameters/numbers/2")).to_be_focused()
    said = page.locator('[data-list="/parameters/numbers"] > [role=status]')
    expect(said).to_have_text("The row was removed.")
    press(page, "add /parameters/numbers")
    expect(said).to_have_text("Row 3 was added.")
    expect(field(page, "/parameters/numbers/3")).to_be_focused()
    for number in (0, 2, 3):
        press(page, f"remove /parameters/numbers/{number}")
    expect(page.locator('button[value="add /parameters/numbers"]')).to_be_focused()


@SCRIPTS
def test_what_a_link_fills_in_is_what_is_shared(make_page, javascript):
    page = make_page("alice", javascript=javascript)
    opened(page, **FULL)
    value = shared(page)
    for name, text in FULL.items():
        assert value[name] == json.loads(text)


def test_a_form_of_every_kind_is_accessible_and_fits_a_phone(make_page):
    page = make_page("alice", width=360, bypass_csp=True)
    opened(page, **FULL, numbers='["x"]', code="wrong")
    for action in ("add /parameters/rows", "pair /parameters/open", "add /parameters/lists"):
        press(page, action)
    field(page, "type:/parameters/several").select_option("1")
    assert_looks_right(page)
