"""The form's own buttons without scripts, and what the page says to those who cannot see it."""

import pytest
from form_pages import FormPage, html_of, submitted
from form_schemas import TORTURE

from launcher.forms import SchemaForm

FORM = SchemaForm(TORTURE, "/parameters", "Parameters")
FULL = {
    "rows": [{"on": True, "list": ["a", None], "size": 3}],
    "names": {"k": ["x"]},
    "either": [[True]],
    "lists": [[1], [2, 3]],
}


class Person:
    """Somebody at a form, in a browser without scripts."""

    def __init__(self, value, form=FORM):
        self.form = form
        self.show(form.fill(value))

    def show(self, pairs):
        """Look at the page with these fields."""
        self.page = FormPage(html_of(self.form, pairs))
        self.pairs = self.page.pairs()

    def press(self, action):
        """Press one of the buttons; it has to be there."""
        [button] = [each for each in self.page.buttons if each["value"] == action]
        assert "hidden" not in button
        self.show(self.form.apply(self.pairs, action))

    def type(self, name, text):
        """Fill in a field, which has to be there."""
        names = [name for name, _ in self.pairs]
        self.pairs[names.index(name)] = (name, text)

    @property
    def value(self):
        """What would be launched."""
        parsed = self.form.parse(self.pairs)
        assert parsed.errors == ()
        return parsed.value


def test_rows_are_added_and_removed_and_what_was_typed_stays():
    person = Person({"numbers": [1, 2]})
    person.type("/parameters/numbers/0", "7")
    person.press("add /parameters/numbers")
    person.type("/parameters/numbers/2", "9")
    person.press("remove /parameters/numbers/1")
    assert person.value["numbers"] == [7, 9]
    person.press("remove /parameters/numbers/0")
    person.press("remove /parameters/numbers/2")
    assert person.value["numbers"] == []


def test_what_is_no_value_stays_typed_when_a_row_is_added():
    person = Person({})
    person.type("/parameters/any", "{")
    person.type("/parameters/whole", "many")
    person.press("add /parameters/numbers")
    assert person.page.control("/parameters/any")["value"] == "{"
    assert person.page.control("/parameters/whole")["value"] == "many"


def test_lists_in_lists_get_rows_of_their_own():
    person = Person({})
    person.press("add /parameters/lists")
    person.press("add /parameters/lists/0")
    person.press("add /parameters/lists/0")
    person.type("/parameters/lists/0/1", "5")
    person.press("add /parameters/lists")
    assert person.value["lists"] == [[5], []]


def test_a_new_row_has_the_defaults_of_its_fields():
    person = Person({})
    person.press("add /parameters/rows")
    assert person.page.control("/parameters/rows/0/size")["value"] == "3"
    assert person.value["rows"] == [{"on": False, "list": [], "size": 3}]


def test_a_list_takes_no_more_rows_than_it_may_have():
    person = Person({"texts": ["a", "b", "c"]})
    person.press("add /parameters/texts")
    [button] = [each for each in person.page.buttons if each["value"] == "add /parameters/texts"]
    assert "hidden" in button


def test_names_and_values_are_added_and_removed():
    person = Person({"open": {"name": "n"}})
    person.press("pair /parameters/open")
    person.type("key:/parameters/open/~#0", "further")
    person.type("/parameters/open/~#0", "[1]")
    person.press("pair /parameters/open")
    assert person.value["open"] == {"name": "n", "further": [1]}
    person.press("remove /parameters/open/~#0")
    assert person.value["open"] == {"name": "n"}


def test_another_alternative_is_shown_and_the_others_are_left_out():
    person = Person({"either": 5})
    person.type("type:/parameters/either", "3")
    person.press("switch /parameters/either")
    person.type("/parameters/either/start", "x")
    assert person.value["either"] == {"start": "x"}
    person.type("type:/parameters/either", "")
    person.press("switch /parameters/either")
    assert "either" not in person.value


def test_a_text_stays_when_the_alternative_is_another_kind_of_text():
    person = Person({"either": "5"})
    person.type("type:/parameters/either", "1")
    person.press("switch /parameters/either")
    assert person.value["either"] == 5


def test_an_optional_object_is_left_out_until_something_in_it_is_filled_in():
    person = Person({})
    assert "group" not in person.value
    person.type("/parameters/group/inner/x", "y")
    assert person.value["group"] == {"inner": {"source": "grdc", "x": "y"}, "flag": False}


def test_a_default_that_was_emptied_does_not_come_back():
    person = Person({})
    assert person.value["emptied"] == "x"
    person.type("/parameters/emptied", "")
    assert person.value["emptied"] == ""


def test_null_and_an_empty_text_are_not_the_same():
    assert Person({"text": None}).value["text"] is None
    assert Person({"text": ""}).value["text"] == ""
    assert "text" not in Person({}).value


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("add /parameters/numbers", "/parameters/numbers/0"),
        ("add /parameters/rows", "/parameters/rows/0"),
        ("pair /parameters/open", "key:/parameters/open/~#0"),
        ("switch /parameters/either", "type:/parameters/either"),
        ("remove /parameters/texts/0", "add /parameters/texts"),
    ],
)
def test_the_focus_is_where_the_button_was_pressed(action, name):
    person = Person({})
    person.press(action)
    [focused] = [each for _, each in person.page.elements if "autofocus" in each]
    assert name in (focused.get("data-row"), focused.get("name"), focused.get("value"))


@pytest.mark.parametrize("action", ["launch", "preview", "", "add", "add x", "remove", "eval /x"])
def test_the_buttons_of_the_page_are_not_those_of_the_form(action):
    assert FORM.apply(FORM.fill({}), action) is None


def test_ids_are_unique_and_every_field_has_a_label():
    page = FormPage(html_of(FORM, FORM.fill(FULL)))
    ids = [each["id"] for _, each in page.elements if "id" in each]
    assert len(ids) == len(set(ids))
    labelled = {each["for"] for tag, each in page.elements if tag == "label"}
    shown = [each for each in page.controls if each["type"] != "hidden"]
    assert {each["id"] for each in shown} == labelled
    for _, each in page.elements:
        assert set(each.get("aria-describedby", "").split()) <= set(ids)


def test_names_that_differ_by_an_ending_have_ids_that_differ():
    names = ["a", "a-help", "a-error", "a-null", "A", "a.b", "ä"]
    properties = {name: {"type": "string", "description": "x", "nullable": True} for name in names}
    form = SchemaForm({"type": "object", "properties": properties}, "/parameters", "P")
    ids = [each["id"] for _, each in FormPage(html_of(form, ())).elements if "id" in each]
    assert len(ids) == len(set(ids))


def test_a_field_says_what_belongs_into_it():
    schema = {
        "type": "object",
        "required": ["when"],
        "properties": {
            "when": {"type": "string", "format": "date-time", "description": "Of the first step"}
        },
    }
    html = html_of(SchemaForm(schema, "/parameters", "P"), ())
    assert "Of the first step. Date and time; Z stands for UTC. Example:" in html
    assert "2000-01-31T12:30:00Z" in html
    assert "(required)" in html


def test_a_value_of_another_type_is_shown_and_explained():
    form = SchemaForm(
        {"type": "object", "properties": {"list": {"type": "array"}}}, "/parameters", "P"
    )
    parsed = form.parse(submitted(form, form.fill({"list": {"a": 1}})))
    assert parsed.value == {"list": {"a": 1}}


@pytest.mark.parametrize("name", ["numbers", "group", "either", "whole", "any", "rows"])
def test_a_text_that_is_no_value_is_shown_at_its_field(name):
    pointer = f"/parameters/{name}"
    page = FormPage(html_of(FORM, FORM.fill({}, {pointer: "[1,"})))
    shown = [each["value"] for each in page.controls if each["name"].endswith(pointer)]
    assert "[1," in shown
    assert [error["pointer"] for error in FORM.parse(page.pairs()).errors] == [pointer]


def test_a_text_that_is_no_value_checks_no_checkbox():
    page = FormPage(html_of(FORM, FORM.fill({}, {"/parameters/group/flag": "maybe"})))
    assert "checked" not in page.control("/parameters/group/flag")
