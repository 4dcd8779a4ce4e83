"""Merges schemas, as far as controls are concerned: what is valid is decided elsewhere."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

# said of the choice, not of each alternative
_OF_CHOICE = ("oneOf", "anyOf", "title", "description", "default", "example")
_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "yes or no",
    "array": "list",
}


def with_all_of(schema: Schema) -> Schema:
    """The schema with those in allOf merged into it."""
    whole = {word: value for word, value in schema.items() if word != "allOf"}
    for each in schema.get("allOf", ()):
        for word, value in with_all_of(each).items():
            if word == "properties":
                whole[word] = _properties(whole.get(word, {}), value)
            elif word == "required":
                whole[word] = [*whole.get(word, ()), *value]
            elif word == "additionalProperties" and value is False:
                whole[word] = value
            else:
                whole.setdefault(word, value)
    return whole


def _properties(first: Mapping[str, Schema], second: Mapping[str, Schema]) -> dict[str, Schema]:
    merged = dict(first)
    for name, schema in second.items():
        merged[name] = {"allOf": [first[name], schema]} if name in first else schema
    return merged


def alternatives(schema: Schema) -> list[Schema]:
    """The alternatives that need controls of their own; others only restrict the schema.

    Those of an alternative take its place: there is one choice for each value.
    """
    found: list[Schema] = list(schema.get("oneOf") or schema.get("anyOf") or ())
    words = {"type", "enum", "properties", "items", "allOf", "anyOf", "oneOf"}
    differ = any(words & each.keys() for each in found)
    own = "properties" in schema or "items" in schema
    if own or not differ:
        return []
    merged = [with_all_of(_alternative(schema, each)) for each in found]
    return [inner for each in merged for inner in alternatives(each) or [each]]


def _alternative(schema: Schema, alternative: Schema) -> Schema:
    """An alternative with what the schema around it says of all of them."""
    outer = {word: value for word, value in schema.items() if word not in _OF_CHOICE}
    merged = {**outer, **alternative}
    if "type" in merged:
        merged["nullable"] = _takes_null(outer) and _takes_null(alternative)
    return merged


def _takes_null(schema: Schema) -> bool:
    return "type" not in schema or bool(schema.get("nullable"))


def title_of(schema: Schema, name: str) -> str:
    """The title of a schema, else its name in words."""
    title = schema.get("title")
    if isinstance(title, str) and title.strip():
        return title.strip()
    return name.replace("_", " ").strip().capitalize() or name or "Value"


def titles(schemas: list[Schema]) -> list[str]:
    """Different titles for alternatives."""
    found: list[str] = []
    for number, schema in enumerate(schemas, 1):
        title = title_of(schema, "") if schema.get("title") else _in_words(schema)
        title = title or f"Alternative {number}"
        found.append(f"{title} ({number})" if title in found else title)
    return found


def _in_words(schema: Schema) -> str:
    """What an alternative without a title is."""
    if schema.get("enum"):
        return ", ".join(str(value) for value in schema["enum"][:3])[:60]
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties:
        return ", ".join(title_of(each, name) for name, each in list(properties.items())[:3])
    return _TYPES.get(str(schema.get("type")), "several fields" if properties else "")
