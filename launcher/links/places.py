"""Finds the schema of a value by its place, and reads the value from the text of a link."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from launcher.nesting import is_deeper_than

Schema = Mapping[str, Any]

MAX_DEPTH = 100
TOO_DEEP = "is nested too deeply"


def schema_at(schema: Schema, keys: Sequence[str]) -> Schema | None:
    """The schema of the value at these keys; None if the schema does not allow one there."""
    for key in keys:
        properties = schema.get("properties", {})
        if key in properties:
            schema = properties[key]
            continue
        kind = schema.get("type")
        more = schema.get("additionalProperties", True)
        if kind not in (None, "object") or more is False:
            return None
        schema = more if isinstance(more, Mapping) else {}
    return schema


def is_object(schema: Schema) -> bool:
    """Whether the schema is one of an object, whose fields have names of their own in a link."""
    alternatives = {"oneOf", "anyOf", "allOf", "enum"} & schema.keys()
    return schema.get("type") == "object" and not alternatives


def is_text(schema: Schema) -> bool:
    """Whether values are strings, which are written without quotes."""
    alternatives = {"oneOf", "anyOf", "allOf", "enum"} & schema.keys()
    return schema.get("type") == "string" and not alternatives


def read(schema: Schema, text: str) -> Any:
    """The value that a text stands for; raises ValueError with the end of a sentence."""
    if is_text(schema):
        return text
    try:
        value = _json(text)
    except _NotJson as error:
        if schema.get("type") in (None, "string"):
            return text
        raise ValueError(_WORDS.get(schema["type"], "must be JSON")) from error
    choices = schema.get("enum", ())
    if _exact(value) in map(_exact, choices):
        return value
    is_wrong_text = _only_texts(schema) and not isinstance(value, str)
    return text if text in choices or is_wrong_text else value


def write(schema: Schema, value: Any) -> str:
    """The text that `read` turns into the value."""
    if isinstance(value, str) and (is_text(schema) or value in schema.get("enum", ())):
        try:
            if read(schema, value) == value:
                return value
        except ValueError:
            pass
    return _exact(value)


_WORDS = {
    "number": "must be a number, such as 1.5",
    "integer": "must be a whole number, such as 12",
    "boolean": "must be true or false",
    "array": 'must be a list in JSON, such as ["a","b"]',
    "object": 'must be an object in JSON, such as {"a":1}',
}


class _NotJson(ValueError):
    """A text is not JSON."""


def _json(text: str) -> Any:
    """The value of a JSON text; raises _NotJson, and ValueError for JSON that is not accepted."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    except ValueError as error:
        raise _NotJson from error
    if is_deeper_than(MAX_DEPTH, value):
        raise ValueError(TOO_DEEP)
    if any("\ud800" <= letter <= "\udfff" for letter in _exact(value)):
        raise ValueError("contains half of a surrogate pair (\\ud800 to \\udfff)")
    return value


def _exact(value: Any) -> str:
    """JSON, which differs for 1, 1.0, true and "1"."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _only_texts(schema: Schema) -> bool:
    """Whether the schema has the type string, and is not null."""
    return schema.get("type") == "string" and not schema.get("nullable")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("too large")
    return number
