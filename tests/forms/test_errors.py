"""What somebody reads who fills in a form wrongly."""

import pytest
from form_pages import FormPage, html_of
from form_schemas import TORTURE

from launcher.errors import BadRequest
from launcher.forms import SchemaForm
from launcher.schemas import Checker

PERIOD = {
    "type": "object",
    "title": "Period",
    "required": ["start", "end"],
    "x-ascending": ["start", "end"],
    "properties": {
        "start": {"type": "string", "format": "date-time", "title": "Start"},
        "end": {"type": "string", "format": "date-time", "title": "End"},
    },
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "required": ["depth", "colour", "period"],
    "additionalProperties": False,
    "properties": {
        "depth": {"type": "integer", "title": "Depth", "minimum": 1, "maximum": 5},
        "above": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "default": 1},
        "step": {"type": "number", "multipleOf": 0.5},
        "colour": {"enum": ["red", "blue"], "title": "Colour"},
        "name": {"type": "string", "minLength": 3, "maxLength": 5},
        "code": {"type": "string", "pattern": "^[A-Z]$", "example": "A"},
        "small": {"type": "integer", "format": "int32"},
        "period": PERIOD,
        "range": {
            "type": "object",
            "x-ascending": ["low", "high"],
            "properties": {
                "low": {"type": "number", "title": "Lowest"},
                "high": {"type": "number", "title": "Highest"},
            },
        },
        "tags": {
            "type": "array",
            "items": {"type": "string", "maxLength": 3},
            "minItems": 2,
            "uniqueItems": True,
        },
        "sets": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
        "open": {"type": "object", "required": ["key"], "minProperties": 2},
        "json": {},
        "either": {
            "oneOf": [
                {"type": "object", "title": "Time", "properties": {"period": PERIOD}},
                {"type": "integer", "title": "Steps", "minimum": 1},
            ]
        },
    },
}
RIGHT = {
    "depth": 1,
    "colour": "red",
    "period": {"start": "2000-01-01T00:00:00Z", "end": "2001-01-01T00:00:00Z"},
}


def problems_of(changes, schema=SCHEMA, value=RIGHT):
    """The problems after somebody changed these fields of a form that was right."""
    form = SchemaForm(schema, "/parameters", "Parameters")
    pairs = dict(form.fill(value))
    for name, text in changes.items():
        marker, _, rest = name.rpartition(":")
        pairs[f"{marker}:/parameters/{rest}" if marker else f"/parameters/{rest}"] = text
    parsed = form.parse(pairs.items())
    errors = []
    try:
        Checker(schema).check(parsed.value, "/parameters")
    except BadRequest as error:
        errors = error.errors
    problems = form.problems(pairs.items(), parsed, errors)
    return {problem.name.removeprefix("/parameters/"): problem.text for problem in problems}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("depth", "0", "Depth must be 1 or more"),
        ("depth", "6", "Depth must be 5 or less"),
        ("depth", "", "Depth has to be filled in"),
        ("depth", "1.5", "Depth must be a whole number, such as 12"),
        ("depth", "NaN", "Depth must be a whole number, such as 12"),
        ("depth", "9" * 500, "Depth may have at most 400 digits"),
        ("above", "0", "Above must be more than 0"),
        ("above", "", "Above has to be filled in; the default is 1"),
        ("above", "NaN", "Above must be a number, such as 1.5"),
        ("above", "Infinity", "Above must be a number, such as 1.5"),
        ("above", "1e999", "Above is too large"),
        ("above", "1,5", "Above must be a number with a point, such as 1.5"),
        ("step", "0.3", "Step must be a multiple of 0.5"),
        ("colour", "", "Colour has to be chosen"),
        ("colour", '"green"', "Colour must be one of the values in the list"),
        ("name", "ab", "Name must be at least 3 characters long"),
        ("name", "abcdef", "Name may be at most 5 characters long"),
        ("code", "1", "Code does not have the right form, such as A"),
        ("small", str(2**40), "Small is too large or too small"),
        (
            "period/start",
            "yesterday",
            "Start must be a date and time, such as 2000-01-31T00:00:00Z",
        ),
        ("period/end", "1999-01-01T00:00:00Z", "End is before Start"),
        ("period/end", "", "End has to be filled in"),
        ("json", "{", 'Json must be JSON, such as 12, true, "text" or ["a", "b"]'),
        ("json", "[NaN]", "Json contains NaN, which is not a number in JSON"),
        ("json", "[1e999]", "Json contains a number that is too large"),
        ("json", "[" * 100_000, "Json is nested too deeply"),
        ("json", "[" * 200 + "]" * 200, "Json is nested too deeply"),
        ("json", '{"a": 1, "a": 2}', "Json contains an object with the same name twice"),
        ("json", '"\\ud800"', "Json contains half of a surrogate pair (\\ud800 to \\udfff)"),
    ],
)
def test_a_wrong_field_is_explained_in_a_sentence(name, text, sentence):
    assert problems_of({name: text}) == {name: sentence}


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"range/low": "2", "range/high": "1"}, {"range/high": "Highest is less than Lowest"}),
        (
            {"row:tags/0": "on", "tags/0": "a"},
            {"tags": "Tags needs at least 2 rows"},
        ),
        (
            {"row:tags/0": "on", "tags/0": "a", "row:tags/1": "on", "tags/1": "a"},
            {"tags": "Tags has the same value in two rows"},
        ),
        (
            # the row between them is empty, so it is no item
            {"row:tags/0": "on", "tags/0": "a", "row:tags/4": "on", "row:tags/7": "on"}
            | {"tags/7": "long"},
            {"tags/7": "Tags, row 3 may be at most 3 characters long"},
        ),
        (
            {"row:sets/~#0": "on", "key:sets/~#0": "k", "sets/~#0": "0"},
            {"sets/~#0": "Sets, “k” must be 1 or more"},
        ),
        (
            {"row:sets/~#0": "on", "key:sets/~#0": "", "sets/~#0": "1"},
            {"sets/~#0": "Value has a value but no name; write a name, or remove the row"},
        ),
        (
            {"row:sets/~#0": "on", "key:sets/~#0": "k"},
            {"sets/~#0": "Sets, “k” has a name but no value; write a value, or remove the row"},
        ),
        ({"open/key": "1"}, {"open": "Open needs at least 2 fields filled in"}),
        (
            {"given:open": "on"},
            {
                "open": "Open needs at least 2 fields filled in",
                "open/key": "Key has to be filled in",
            },
        ),
        ({"type:either": "1", "either": "0"}, {"either": "Either must be 1 or more"}),
        (
            {"type:either": "0", "either/period/end": "x", "either/period/start": ""},
            {
                "either/period/start": "Start (Period) has to be filled in",
                "either/period/end": "End (Period) must be a date and time,"
                " such as 2000-01-31T00:00:00Z",
            },
        ),
    ],
)
def test_an_error_is_at_the_field_that_has_to_be_changed(changes, problems):
    assert problems_of(changes) == problems


def test_an_error_inside_of_json_is_at_its_field():
    schema = {"type": "object", "properties": {"n": nested(14)}, "additionalProperties": False}
    value = "text"
    for _ in range(15):
        value = {"n": value}
    [(name, text)] = problems_of({}, schema, value).items()
    assert name == "/".join("n" * 11)
    assert text == "N (N) contains “n/n/n/n”, which must be a whole number"


def nested(levels):
    """A schema of objects in objects, with a number inside."""
    schema = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"n": schema}, "additionalProperties": False}
    return schema


@pytest.mark.parametrize(
    ("pointer", "detail", "problem"),
    [
        ("/parameters/nobody", "is not a field of this request; leave it out", "Parameters"),
        ("/parameters/period/x/y", "is missing", "Period has to contain “x/y”"),
        ("/parameters/json/a/0", "must be at least 1", "contains “a/0”, which must be 1 or more"),
        ("/elsewhere", "is wrong", "is wrong"),
        ("", "is wrong", "is wrong"),
    ],
)
def test_an_error_without_a_field_is_at_the_nearest_one_around_it(pointer, detail, problem):
    form = SchemaForm(SCHEMA, "/parameters", "Parameters")
    pairs = form.fill({**RIGHT, "json": {"a": [0]}})
    [found] = form.problems(pairs, form.parse(pairs), [{"pointer": pointer, "detail": detail}])
    assert problem in found.text


def test_no_sentence_speaks_of_schemas():
    pairs = {"type:several": "2", "type:either": "2", "merged/first": "too long", "code": "x"}
    for sentence in problems_of(pairs, TORTURE, {}).values():
        for word in ("schema", "anyOf", "oneOf", "pattern", "object", "RFC", "^"):
            assert word not in sentence


def test_an_error_is_tied_to_its_field_for_screen_readers():
    form = SchemaForm(SCHEMA, "/parameters", "Parameters")
    pairs = [*form.fill({}), ("/parameters/depth", "0")]
    parsed = form.parse(pairs)
    errors = [{"pointer": "/parameters/depth", "detail": "must be at least 1"}]
    html = html_of(form, pairs, form.problems(pairs, parsed, errors))
    page = FormPage(html)
    field = page.control("/parameters/depth")
    assert field["aria-invalid"] == "true"
    ids = {each["id"]: each for _, each in page.elements if "id" in each}
    [error] = [ids[each] for each in field["aria-describedby"].split() if each.endswith("-error")]
    assert error["data-pointer"] == "/parameters/depth"
    links = [each["href"] for tag, each in page.elements if tag == "a"]
    assert links == [f"#{field['id']}"]
