"""A value that is shown in a form and submitted unchanged is the same value."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from form_pages import submitted
from form_schemas import TORTURE, schemas, values_of
from hypothesis import given, settings
from hypothesis import strategies as st

import launcher
from launcher.experiments.parameters import read
from launcher.forms import SchemaForm
from launcher.schemas import Checker

EXPERIMENTS = sorted((Path(launcher.__file__).parent / "experiments").glob("*/parameters.yaml"))
BUNDLED = [read(path.read_text()) for path in EXPERIMENTS]
NAMES = [path.parent.name for path in EXPERIMENTS]


def with_defaults(schema, value):
    """The value as a launch would get it; it has to be valid."""
    filled = deepcopy(value)
    Checker(schema).check(filled)
    return filled


def assert_comes_back(schema, value):
    """The value is shown, submitted, and the same afterwards, down to the types of numbers."""
    form = SchemaForm(schema, "/parameters", "Parameters")
    value = with_defaults(schema, value)
    parsed = form.parse(submitted(form, form.fill(value)))
    assert parsed.errors == ()
    assert parsed.value == value
    assert json.dumps(parsed.value, sort_keys=True) == json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("schema", BUNDLED, ids=NAMES)
def test_the_examples_of_the_bundled_experiments_come_back(schema):
    examples = {name: each["example"] for name, each in schema["properties"].items()}
    assert_comes_back(schema, examples)


@pytest.mark.parametrize("schema", BUNDLED, ids=NAMES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_values_of_the_bundled_experiments_come_back(schema, data):
    assert_comes_back(schema, data.draw(values_of(schema)))


@settings(max_examples=150, deadline=None)
@given(value=values_of(TORTURE))
def test_values_of_every_kind_of_schema_come_back(value):
    assert_comes_back(TORTURE, value)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_values_of_generated_schemas_come_back(data):
    schema = data.draw(schemas())
    assert_comes_back(schema, data.draw(values_of(schema)))


@settings(max_examples=100, deadline=None)
@given(schema=schemas())
def test_an_untouched_form_submits_nothing_but_defaults(schema):
    form = SchemaForm(schema, "/parameters", "Parameters")
    parsed = form.parse(submitted(form, form.fill({})))
    assert parsed.errors == ()
    defaults = {
        name
        for name, each in schema["properties"].items()
        if "default" in each or name in schema["required"]
    }
    assert set(parsed.value) <= defaults


@pytest.mark.parametrize(
    "value",
    [
        {"any": {"": 1, "a": 2}},
        {"any": {"two\nlines": 1}},
        {"numbers": list(range(300))},
        {"lists": [[0] * 200] * 50},
        {"text": "a\rb"},
        {"text": "a\x00b"},
        {"text": "\n\nx\n"},
        {"text": ""},
        {"text": "  two  "},
        {"whole": 10**300},
        {"number": -0.0},
        {"number": 5e-324},
        {"any": "</textarea><script>"},
        {"any": None},
        {"nothing": None},
        {"group": {}},
        {"group": {"inner": {}}},
        {"names": {"__proto__": ["x"], "~#0": [], "a/b~c": [""]}},
        {"choice": [1, "1", True, None]},
        {"either": None},
        {"either": ""},
        {"either": {"start": "", "more": 1}},
        {"either": [[]]},
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_values_that_are_hard_to_show_come_back(value):
    assert_comes_back(TORTURE, value)
