"""Which fields of a spawn specification environments of a type set, as far as that is known."""

from collections.abc import Mapping
from typing import Any

from launcher.entrypoints.model import EntrypointType
from launcher.spawn.errors import SpecificationError


def fields_of(kind: EntrypointType, data: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that the type sets for these data; () for data that are not valid."""
    try:
        return kind.specification(data).set_fields
    except (SpecificationError, KeyError):  # data from before the schema was changed
        return ()


def usual_fields(kind: EntrypointType) -> tuple[str, ...]:
    """The fields that the type sets for the data in its schema's examples; () without examples."""
    data = _example(kind.schema)
    return () if data is None else fields_of(kind, data)


def _example(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema's example, or one of those of its required fields; None if one is missing."""
    if isinstance(schema.get("example"), dict):
        return dict(schema["example"])
    properties = schema.get("properties", {})
    found = {}
    for name in schema.get("required", ()):
        values = _values(properties.get(name, {}))
        if not values:
            return None
        found[name] = values[0]
    return found


def _values(schema: Mapping[str, Any]) -> list[Any]:
    """Values that the schema itself names."""
    named = [schema[word] for word in ("example", "default") if word in schema]
    return [*named, *schema.get("enum", ())]
