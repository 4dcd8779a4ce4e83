"""Reads the schema of an experiment's parameters, and checks that every keyword is supported.

The schema is one of OpenAPI 3.0. A schema with a keyword that would have no effect is refused.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from jsonschema import Draft4Validator

from launcher.errors import BadRequest
from launcher.experiments import core_yaml
from launcher.experiments.faults import Unusable
from launcher.experiments.names import problem_with
from launcher.formats import FORMATS
from launcher.schemas import ASCENDING, TYPES, Checker, pointer_to

_NUMBER = ("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum")
_OBJECT = ("maxProperties", "minProperties", "required", "properties", "additionalProperties")
# keyword -> the types that it applies to
_OF_TYPE = {
    **dict.fromkeys(_NUMBER, ("number", "integer")),
    **dict.fromkeys(("maxLength", "minLength", "pattern"), ("string",)),
    **dict.fromkeys(("maxItems", "minItems", "uniqueItems", "items"), ("array",)),
    **dict.fromkeys((*_OBJECT, ASCENDING), ("object",)),
}
_SEVERAL = ("allOf", "anyOf", "oneOf")
_ANNOTATIONS = ("title", "description", "example", "deprecated", "externalDocs")
_KNOWN = {
    *_OF_TYPE,
    *_SEVERAL,
    *_ANNOTATIONS,
    "type",
    "enum",
    "not",
    "format",
    "default",
    "nullable",
}
_PAIRS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)

_FIXES = {
    "$ref": "write the schema in its place (YAML anchors and aliases work)",
    "$defs": "write each schema where it is used",
    "definitions": "write each schema where it is used",
    "const": "write enum with this one value",
    "examples": "write example with one value",
    "patternProperties": "write additionalProperties with a schema",
    "prefixItems": "write items with one schema",
    "contains": "describe it, and let the notebook check it",
}
_NOT_FILLED = (
    "has no effect there; write it in the schema of a property, outside of anyOf, oneOf and not"
)
_NO_FIX = "leave it out, or let the notebook check it"

Problem = tuple[str, str]


def read(text: str) -> dict[str, Any]:
    """The schema in a parameters.yaml; raises Unusable."""
    schema = core_yaml.load(text)
    if not isinstance(schema, dict):
        raise Unusable([("", "must contain a JSON Schema, with title, description and properties")])
    schema = {"type": "object", "properties": {}, "additionalProperties": False, **schema}
    for problems in (_of_top, _of_structure, _of_keywords, _of_names, _of_values, _of_defaults):
        if found := list(problems(schema)):
            raise Unusable(found)
    return schema


def _of_top(schema: Mapping[str, Any]) -> Iterator[Problem]:
    for field in ("title", "description"):
        if not isinstance(schema.get(field), str) or not schema[field].strip():
            yield f"/{field}", "is missing or is not text; write one for users"
    if schema["type"] != "object":
        yield "/type", "must be object, with a property for each parameter"
    if not isinstance(schema["properties"], dict):
        yield "/properties", "must contain a name and a schema for each parameter"
        return
    for name in schema["properties"]:
        if problem := problem_with(name):
            yield pointer_to("/properties", name), f"{problem}; choose another name"


def _of_structure(schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Errors of the JSON Schema meta-schema."""
    for error in Draft4Validator(Draft4Validator.META_SCHEMA).iter_errors(schema):
        key = pointer_to("", *error.absolute_path)
        if error.absolute_path and error.absolute_path[-1] == "type":
            yield key, _not_a_type()
        else:
            yield key, f"is not valid JSON Schema: {error.message[:200]}"


def _not_a_type() -> str:
    kinds = ", ".join(TYPES)
    return f"must be one of {kinds}; nullable: true next to it allows null"


def _of_keywords(schema: Mapping[str, Any], key: str = "") -> Iterator[Problem]:
    """Keywords that are not supported, in this schema and in nested ones."""
    for word in schema:
        if word not in _KNOWN and not (word.startswith("x-") and word != ASCENDING):
            fix = _FIXES.get(word, _NO_FIX)
            yield pointer_to(key, word), f"is a keyword that is not supported; {fix}"
    yield from _of_type(schema, key)
    yield from _of_format(schema, key)
    yield from _of_pattern(schema, key)
    yield from _of_object(schema, key)
    for least, most in _PAIRS:
        if least in schema and most in schema and schema[least] > schema[most]:
            yield f"{key}/{least}", f"is above {most}, so no value is valid; change one of them"
    for place, inner in _inner(schema, key):
        yield from _of_keywords(inner, place)


def _inner(schema: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, inner in schema.get("properties", {}).items():
        yield pointer_to(f"{key}/properties", name), inner
    for word in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(word), dict):
            yield f"{key}/{word}", schema[word]
    for word in _SEVERAL:
        for number, inner in enumerate(schema.get(word, ())):
            yield f"{key}/{word}/{number}", inner


def _of_type(schema: Mapping[str, Any], key: str) -> Iterator[Problem]:
    kind = schema.get("type")
    if "type" in schema and (not isinstance(kind, str) or kind not in TYPES):
        yield f"{key}/type", _not_a_type()
        return
    for word in schema:
        if kind and kind not in _OF_TYPE.get(word, (kind,)):
            yield f"{key}/{word}", f"does not apply to the type {kind}; change one of the two"
    if "nullable" in schema and not isinstance(schema["nullable"], bool):
        yield f"{key}/nullable", "must be true or false"
    elif "nullable" in schema and "type" not in schema:
        yield f"{key}/nullable", "has no effect without a type; write a type next to it"
    if isinstance(schema.get("items"), list):
        yield f"{key}/items", "must be one schema, for all items"


def _of_format(schema: Mapping[str, Any], key: str) -> Iterator[Problem]:
    name = schema.get("format")
    if name is None:
        return
    known = FORMATS.get(name)
    if known is None:
        names = ", ".join(sorted(FORMATS))
        yield f"{key}/format", f"is not supported; use a pattern, or one of: {names}"
    elif schema.get("type") not in known.types:
        yield f"{key}/format", f"is a format of the type {known.types[0]}; write that type"


def _of_pattern(schema: Mapping[str, Any], key: str) -> Iterator[Problem]:
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(schema.get("pattern", ""))
    except (re.error, RecursionError, OverflowError) as error:
        yield f"{key}/pattern", f"is not a regular expression of Python: {error}"


def _of_object(schema: Mapping[str, Any], key: str) -> Iterator[Problem]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in known and schema.get("additionalProperties") is False:
            yield f"{key}/required", f"contains {name!r}, which is not a property; add it"
    names = schema.get(ASCENDING, [])
    if ASCENDING in schema and not (
        isinstance(names, list)
        and len(names) > 1
        and all(isinstance(name, str) and name in known for name in names)
    ):
        yield f"{key}/{ASCENDING}", "must be a list of two or more properties"
    elif len(kinds := {_order_of(known[name]) for name in names}) > 1 or None in kinds:
        yield f"{key}/{ASCENDING}", "must contain only numbers, or only strings of one format"


def _order_of(schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """How values are compared: as numbers, or as strings with a format; None if they cannot be."""
    kind = schema.get("type")
    if kind in ("number", "integer"):
        return "number", ""
    return ("string", schema.get("format", "")) if kind == "string" else None


def _of_names(
    schema: Mapping[str, Any], key: str = "", outer: Mapping[str, Any] | None = None
) -> Iterator[Problem]:
    """Parameters in nested schemas (allOf, anyOf, oneOf, not) that the schema does not allow."""
    whole = schema if outer is None else outer
    closed = whole["additionalProperties"] is False
    names = [(pointer_to(f"{key}/properties", name), name) for name in schema.get("properties", ())]
    names += [(f"{key}/required", name) for name in schema.get("required", ())]
    for place, name in names:
        if closed and name not in whole["properties"]:
            yield place, f"{name!r} is not a property of the whole schema; add it there"
        elif problem := problem_with(name):
            yield place, f"{name!r} {problem}; choose another name"
    for word in (*_SEVERAL, "not"):
        inner = schema.get(word, ())
        for number, each in enumerate(inner if isinstance(inner, (list, tuple)) else [inner]):
            place = f"{key}/{word}" if word == "not" else f"{key}/{word}/{number}"
            yield from _of_names(each, place, whole)


def _of_values(schema: Mapping[str, Any], key: str = "") -> Iterator[Problem]:
    """Values in the schema (default, example, enum) that it would refuse itself."""
    for word in ("default", "example"):
        if word in schema:
            yield from _of_value(schema, schema[word], f"{key}/{word}")
    plain = {word: value for word, value in schema.items() if word != "enum"}
    for number, value in enumerate(schema.get("enum", ())):
        yield from _of_value(plain, value, f"{key}/enum/{number}")
    for place, inner in _inner(schema, key):
        yield from _of_values(inner, place)


def _of_defaults(
    schema: Mapping[str, Any], key: str = "", filled: bool = False, never: bool = False
) -> Iterator[Problem]:
    """Defaults that have no effect, or that contradict each other."""
    if "default" in schema and (never or not filled):
        yield f"{key}/default", _NOT_FILLED
    if ASCENDING in schema:
        words = {word: schema[word] for word in ("properties", ASCENDING)}
        yield from _of_value(words, {}, f"{key}/properties")
    for place, inner in _inner(schema, key):
        below = place[len(key) :].split("/")[1]
        yield from _of_defaults(
            inner, place, below == "properties", never or below in ("anyOf", "oneOf", "not")
        )


def _of_value(schema: Mapping[str, Any], value: Any, key: str) -> Iterator[Problem]:
    try:
        Checker(schema).check(deepcopy(value), key)
    except BadRequest as error:
        for each in error.errors:
            yield each["pointer"], f"does not match its own schema: it {each['detail']}"
