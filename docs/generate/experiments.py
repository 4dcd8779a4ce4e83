"""The experiments that the launcher brings, from their folders."""

from collections.abc import Iterator
from typing import Any

from launcher.experiments import Catalogue

HEAD = ("| parameter | type | meaning |", "|---|---|---|")


def markdown() -> str:
    """A section for each experiment, with its parameters."""
    return "\n".join(_section(each) for each in Catalogue.load().all())


def _section(experiment: Any) -> str:
    schema = experiment.schema
    rows = list(_rows(schema))
    table = [*HEAD, *rows] if rows else ["It has no parameters."]
    heading = f"### {experiment.name}\n\n{schema['description']}\n"
    return "\n".join([heading, *table, ""])


def _rows(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        must = " (required)" if name in required else ""
        about = field.get("description", field.get("title", ""))
        if "enum" in field:
            about += ": " + ", ".join(f"`{value}`" for value in field["enum"])
        yield f"| `{prefix}{name}`{must} | {field['type']} | {about} |"
        yield from _rows(field, f"{prefix}{name}.")
