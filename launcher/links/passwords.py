"""Finds the passwords (`format: password`) among parameters, which are never shared.

A link is in logs of proxies and in the history of browsers, and what is shared is read by others.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from launcher.links.places import Schema
from launcher.schemas import Checker, is_valid

Path = tuple[str | int, ...]

HIDDEN = "…"
"""What stands for a password in lines that have to show one."""
MAX_PLACEHOLDER = 1_000


def paths(schema: Schema, value: Any) -> Iterator[Path]:
    """The places of the passwords in a value: names, and numbers of items.

    A text is a password if any alternative of its schema says so; an empty text is none.
    """
    return (path for path, _ in _found(schema, value, ()))


def _found(schema: Schema, value: Any, path: Path) -> Iterator[tuple[Path, Schema]]:
    """The passwords in a value, each with the schema that says so."""
    if schema.get("format") == "password" and isinstance(value, str) and value:
        yield path, schema
    for word in ("oneOf", "anyOf", "allOf"):
        for alternative in schema.get(word, ()):
            yield from _found(alternative, value, path)
    if isinstance(value, Mapping):
        properties, more = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            found = properties.get(name, more)
            if isinstance(found, Mapping):
                yield from _found(found, inner, (*path, name))
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for number, inner in enumerate(value):
            yield from _found(schema["items"], inner, (*path, number))


def has_passwords(schema: Schema, value: Any) -> bool:
    """Whether there are passwords in the value."""
    return next(paths(schema, value), None) is not None


def are_possible(schema: Any) -> bool:
    """Whether a password is anywhere in the schema."""
    if isinstance(schema, Mapping):
        return schema.get("format") == "password" or any(map(are_possible, schema.values()))
    return isinstance(schema, list) and any(map(are_possible, schema))


def hidden(schema: Schema, value: Any) -> Any:
    """A copy of the value with HIDDEN in place of passwords."""
    return _replaced(value, dict.fromkeys(paths(schema, value), HIDDEN), ())


def with_placeholders(schema: Schema, value: Any) -> Any:
    """A copy of the value with texts in place of passwords that their schemas accept.

    A pattern may accept none of them.
    """
    found = {path: _placeholder(each) for path, each in _found(schema, value, ())}
    return _replaced(value, found, ())


def _placeholder(schema: Schema) -> str:
    """The first text of a few that the schema accepts, else HIDDEN."""
    length = min(max(1, int(schema.get("minLength", 1))), MAX_PLACEHOLDER)
    checker = Checker(schema)
    texts = [HIDDEN, *(letter * length for letter in (HIDDEN, "x", "X", "0"))]
    return next((text for text in texts if is_valid(checker, text)), HIDDEN)


def _replaced(value: Any, places: Mapping[Path, str], path: Path) -> Any:
    if path in places:
        return places[path]
    if isinstance(value, Mapping):
        return {name: _replaced(inner, places, (*path, name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, places, (*path, number)) for number, inner in enumerate(value)]
    return value
