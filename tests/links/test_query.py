"""The query of a link, and what it fills in."""

import json
from urllib.parse import parse_qsl

import pytest
from form_schemas import TORTURE, values_of
from hypothesis import assume, given
from hypothesis import strategies as st

from launcher.experiments import Catalogue
from launcher.links.query import MAX_QUERY, link_query, parse

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "count": {"type": "integer"},
        "factor": {"type": "number"},
        "exact": {"type": "boolean"},
        "colour": {"type": "string", "enum": ["red", "1"]},
        "level": {"enum": [1, "two", None]},
        "mixed": {"enum": [1, "1", True, "true", None, "null", '"1"', [1]]},
        "strict": {"type": "string", "nullable": True, "enum": ["null", None]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "either": {"oneOf": [{"type": "string"}, {"type": "number"}]},
        "maybe": {"type": "string", "nullable": True},
        "secret": {"type": "string", "format": "password"},
        "setup": {
            "type": "object",
            "properties": {"start": {"type": "string"}, "deep": {"type": "object"}},
        },
    },
}


def pairs_of(query):
    return parse_qsl(query, keep_blank_values=True)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("p.name=12", {"name": "12"}),
        ("p.name=", {"name": ""}),
        ("p.count=12&p.factor=1.5&p.exact=true", {"count": 12, "factor": 1.5, "exact": True}),
        ("p.colour=1", {"colour": "1"}),
        ("p.level=1", {"level": 1}),
        ("p.level=two", {"level": "two"}),
        ("p.level=null", {"level": None}),
        ("p.mixed=1", {"mixed": 1}),
        ('p.mixed="1"', {"mixed": "1"}),
        ("p.colour=2", {"colour": "2"}),
        ('p.tags=["a","b"]', {"tags": ["a", "b"]}),
        ("p.either=1", {"either": 1}),
        ("p.either=one", {"either": "one"}),
        ('p.either="1"', {"either": "1"}),
        ("null.maybe=", {"maybe": None}),
        ("p.maybe=null", {"maybe": "null"}),
        ("p.setup.start=now&p.setup.other=1", {"setup": {"start": "now", "other": 1}}),
        ("p./setup/a.b=1", {"setup": {"a.b": 1}}),
        ("p./setup/a~1b=1", {"setup": {"a/b": 1}}),
        ('p.setup={"start":"now"}', {"setup": {"start": "now"}}),
    ],
)
def test_a_link_fills_in_parameters_by_their_types(query, parameters):
    values = parse(SCHEMA, pairs_of(query))
    assert values.errors == []
    assert values.parameters == parameters


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ("p.count=many", "/parameters/count", "whole number"),
        ("p.factor=NaN", "/parameters/factor", "number"),
        ("p.factor=1e999", "/parameters/factor", "number"),
        ("p.exact=yes", "/parameters/exact", "true or false"),
        ("p.tags=a", "/parameters/tags", "list"),
        ("p.count=1&p.count=2", "/parameters/count", "twice"),
        ("directory=a&directory=b", "/notebook/directory", "twice"),
        ('p.setup={"start":"a"}&p.setup.start=b', "/parameters/setup/start", "twice"),
        ("p.wrong=1", "", "“wrong” in this link is not a parameter"),
        ("p.wrong=1&p.wrong=2", "", "“wrong” in this link is not a parameter"),
        ("p.name.deep=1", "", "not a parameter"),
        ("p.=1", "", "“” in this link is not a parameter"),
        ("p=1", "", "“p” in this link is not known"),
        ("count=1", "", "“count” in this link is not known"),
        ("count=1&count=2", "", "“count” in this link is not known"),
        ("=&=&=", "", "“” in this link is not known"),
        ("null.maybe=x", "/parameters/maybe", "only one is possible"),
        ("p.maybe=x&null.maybe=", "/parameters/maybe", "two different ways"),
        (f"p.setup.deep={'[' * 900}{']' * 900}", "/parameters/setup/deep", "nested too deeply"),
        (f"p.setup{'.a' * 900}=1", "", "nested too deeply"),
        (f"p./setup{'/a' * 900}=1", "", "nested too deeply"),
        ('p.setup.deep={"a":"\\ud800"}', "/parameters/setup/deep", "half of a surrogate pair"),
        (f"p.name={'x' * MAX_QUERY}", "", "more than"),
    ],
)
def test_what_is_wrong_in_a_link_is_said_at_its_place(query, pointer, words):
    values = parse(SCHEMA, pairs_of(query))
    assert [(e["pointer"], words in e["detail"]) for e in values.errors] == [(pointer, True)]


def test_a_wrong_text_is_kept_for_its_field_and_the_rest_is_filled_in():
    values = parse(SCHEMA, pairs_of("p.count=many&p.name=x&directory=d"))
    assert values.texts == {"/parameters/count": "many"}
    assert values.parameters == {"name": "x"}
    assert values.notebook == {"directory": "d"}


def test_every_value_of_a_link_is_read_however_many_there_are():
    query = "&".join(f"p.setup.{number}=" for number in range(300)) + "&p.count=3"
    assert parse(SCHEMA, pairs_of(query)).parameters["count"] == 3


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text
finite = scalars.filter(lambda value: value not in (float("inf"), float("-inf")))
anything = st.recursive(
    finite, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
)
values = st.fixed_dictionaries(
    {},
    optional={
        "name": text,
        "count": st.integers(),
        "factor": st.floats(allow_nan=False, allow_infinity=False),
        "exact": st.booleans(),
        "colour": st.sampled_from(["red", "1"]),
        "level": st.sampled_from([1, "two", None]),
        "mixed": st.sampled_from(SCHEMA["properties"]["mixed"]["enum"]),
        "strict": st.sampled_from(["null", None]),
        "tags": st.lists(text, max_size=3),
        "either": text | st.floats(allow_nan=False, allow_infinity=False),
        "maybe": st.none() | text,
        "setup": st.fixed_dictionaries({}, optional={"start": text, "deep": st.just({})})
        | st.dictionaries(text.filter(lambda key: key not in ("start", "deep")), anything),
    },
)


def exact(value):
    """JSON, in which 1, true and "1" differ."""
    return json.dumps(value, sort_keys=True)


@given(values)
def test_what_is_shared_comes_back_as_it_was(parameters):
    query = link_query(SCHEMA, parameters)
    assume(len(query) <= MAX_QUERY)
    found = parse(SCHEMA, pairs_of(query))
    assert found.errors == []
    assert exact(found.parameters) == exact(parameters)


@given(values_of(TORTURE))
def test_values_of_every_kind_of_schema_come_back_as_they_were(parameters):
    parameters.pop("password", None)
    query = link_query(TORTURE, parameters)
    assume(len(query) <= MAX_QUERY)
    found = parse(TORTURE, pairs_of(query))
    assert found.errors == []
    assert exact(found.parameters) == exact(parameters)


@pytest.mark.parametrize("experiment", Catalogue.load().all(), ids=lambda each: each.name)
def test_the_example_of_each_experiment_can_be_shared(experiment):
    example = experiment.schema.get("example", {})
    notebook = {"directory": "a b", "filename": "c.ipynb", "server": ""}
    query = link_query(experiment.schema, example, notebook)
    found = parse(experiment.schema, pairs_of(query))
    assert (found.errors, found.parameters) == ([], example)
    assert found.notebook == {"directory": "a b", "filename": "c.ipynb"}
