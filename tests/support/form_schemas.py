"""Schemas for the tests of forms, and the values that are valid by them."""

import json

from hypothesis import assume
from hypothesis import strategies as st

from launcher.formats import FORMATS
from launcher.schemas import Checker, is_valid

TEXT = {"type": "string"}
NUMBERS = {"type": "array", "items": {"type": "integer"}}

# every keyword that parameters.yaml may contain, and what is hard to show
TORTURE = {
    "type": "object",
    "title": "Torture",
    "description": "One parameter of each kind that is hard to show.",
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "title": "Text", "nullable": True},
        "emptied": {"type": "string", "default": "x", "maxLength": 2000},
        "password": {"type": "string", "format": "password"},
        "start": {"type": "string", "format": "date-time"},
        "code": {"type": "string", "pattern": "^[A-Z][0-9]$", "example": "A1"},
        "whole": {"type": "integer", "title": "Whole"},
        "number": {"type": "number", "nullable": True},
        "share": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
        "maybe": {"type": "boolean"},
        "flag": {"type": "boolean", "default": True},
        "null_flag": {"type": "boolean", "nullable": True, "default": None},
        "colour": {"type": "string", "enum": ["red", "blue", "", "null"]},
        "mixed": {"enum": [1, "1", True, None, 1.5, [1], {"a": 1}, "true"]},
        "choice": {"type": "array", "items": {"enum": [1, "1", True, None]}, "maxItems": 5},
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "lists": {"type": "array", "items": NUMBERS},
        "texts": {"type": "array", "items": {"type": "string"}, "default": ["a"], "maxItems": 4},
        "rows": {
            "type": "array",
            "nullable": True,
            "items": {
                "type": "object",
                "required": ["on", "list"],
                "additionalProperties": False,
                "properties": {
                    "on": {"type": "boolean"},
                    "list": {"type": "array", "items": {"type": "string", "nullable": True}},
                    "size": {"type": "integer", "default": 3},
                },
            },
        },
        "names": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}},
        "any": {},
        "nothing": {"type": "object", "nullable": True, "properties": {"a": TEXT}},
        "group": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "inner": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"source": {"type": "string", "default": "grdc"}, "x": TEXT},
                },
                "flag": {"type": "boolean", "default": False},
            },
        },
        "set": {"type": "object", "default": {"a": "x"}, "properties": {"a": TEXT, "b": TEXT}},
        "either": {
            "title": "Either",
            "oneOf": [
                {"type": "string", "nullable": True},
                {"type": "number"},
                {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}},
                {
                    "type": "object",
                    "required": ["start"],
                    "properties": {"start": TEXT, "flag": {"type": "boolean"}},
                },
            ],
        },
        "several": {
            "anyOf": [
                {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
                {"type": "boolean"},
            ]
        },
        "merged": {
            "allOf": [
                {"type": "object", "required": ["first"], "properties": {"first": TEXT}},
                {"properties": {"first": {"maxLength": 5}, "second": {"type": "integer"}}},
            ]
        },
        "open": {"type": "object", "required": ["name"], "minProperties": 1},
    },
}  # fmt: skip

TEXTS = st.text(max_size=12) | st.sampled_from(["", " x ", "a\r\nb", "\n", "</textarea>", "null"])
NUMBERS_OF = {
    "integer": st.integers() | st.integers(-(10**40), 10**40),
    "number": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
}
KEYS = st.text(max_size=6) | st.sampled_from(
    ["a/b", "~#0", "__proto__", "~n", "x:y", "constructor"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS_OF["number"] | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
OF_FORMAT = {
    "date-time": st.datetimes().map(lambda when: f"{when.isoformat()}Z"),
    "password": TEXTS,
    "uri": st.sampled_from(["https://example.org/a?b=c#d", "urn:x:y"]),
    "http-url": st.sampled_from(["https://example.org/é", "http://x/y"]),
}
PATTERNS = {"^[A-Z][0-9]$": r"\A[A-Z][0-9]\Z"}


@st.composite
def values_of(draw, schema):
    """Values that are valid by the schema."""
    value = draw(_value(schema))
    assume(is_valid(Checker(schema), value))
    return value


def _value(schema):
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "allOf" in schema:
        return st.tuples(*map(_value, schema["allOf"])).map(_merged)
    inner = schema.get("oneOf") or schema.get("anyOf")
    plain = st.one_of(*map(_value, inner)) if inner else _of_type(schema)
    return st.none() | plain if schema.get("nullable") else plain


def _merged(values):
    return {key: value for each in reversed(values) for key, value in each.items()}


def _of_type(schema):
    kind = schema.get("type", "object" if "properties" in schema else "")
    if kind == "string":
        return _text(schema)
    if kind in NUMBERS_OF:
        return _number(schema, kind)
    if kind == "array":
        most = min(3, schema.get("maxItems", 3))
        return st.lists(_value(schema.get("items", {})), max_size=most)
    if kind == "object":
        return _object(schema)
    return st.booleans() if kind == "boolean" else ANYTHING


def _text(schema):
    if "format" in schema and schema["format"] in OF_FORMAT:
        return OF_FORMAT[schema["format"]]
    if "pattern" in schema:
        known = schema["pattern"] in PATTERNS
        return st.from_regex(PATTERNS[schema["pattern"]]) if known else _example(schema)
    least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
    return TEXTS.filter(lambda text: least <= len(text) <= most)


def _example(schema):
    return st.just(schema["example"])


def _number(schema, kind):
    if "minimum" in schema:
        most = schema.get("maximum", 10**9)
        return st.floats(schema["minimum"], most) if kind == "number" else st.integers(0, 9)
    return NUMBERS_OF[kind]


@st.composite
def _object(draw, schema):
    value = {}
    for name, each in schema.get("properties", {}).items():
        if name in schema.get("required", ()) or draw(st.booleans()):
            value[name] = draw(_value(each))
    more = schema.get("additionalProperties", True)
    if more is not False:
        further = _value(more) if isinstance(more, dict) else ANYTHING
        names = KEYS.filter(lambda name: name not in schema.get("properties", {}))
        value |= draw(st.dictionaries(names, further, max_size=2))
        for name in schema.get("required", ()):
            if name not in value:
                value[name] = draw(further)
    return value


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "nullable": True},
        {"type": "string", "maxLength": 2000},
        {"type": "string", "format": "date-time"},
        {"type": "integer"},
        {"type": "number", "nullable": True},
        {"type": "boolean"},
        {"type": "boolean", "nullable": True},
        {"enum": ["a", 1, None, False]},
        {"type": "string", "enum": ["a", "b"]},
        {},
    ]
)


def _containers(inner):
    return st.one_of(
        inner.map(lambda items: {"type": "array", "items": items}),
        inner.map(lambda each: {"type": "object", "additionalProperties": each}),
        inner.map(lambda each: {"type": "object", "nullable": True, "properties": {"n": each}}),
        st.lists(inner, min_size=2, max_size=3).map(lambda several: {"anyOf": several}),
        st.tuples(inner, inner, st.booleans()).map(_group),
    )


def _group(parts):
    first, second, required = parts
    return {
        "type": "object",
        "properties": {"one": first, "two": second},
        "required": ["one"] if required else [],
        "additionalProperties": False,
    }


@st.composite
def schemas(draw):
    """Schemas of objects, with defaults here and there."""
    names = draw(st.lists(st.sampled_from(["a", "b_c", "ä", "x", "Y"]), unique=True, max_size=4))
    properties = {}
    for name in names:
        schema = draw(st.recursive(SCALARS, _containers, max_leaves=4))
        if draw(st.integers(0, 3)) == 0:
            default = draw(_value(schema))
            if is_valid(Checker(schema), default):
                schema = {**schema, "default": json.loads(json.dumps(default))}
        properties[name] = schema
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in names if draw(st.booleans())],
        "additionalProperties": False,
    }


assert set(OF_FORMAT) <= set(FORMATS)
