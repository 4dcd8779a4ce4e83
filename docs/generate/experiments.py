"""The experiments that the launcher brings, from their folders."""

from typing import Any

from launcher.experiments import Catalogue


def markdown() -> str:
    """A section for each experiment, with its parameters."""
    return "\n".join(_section(each) for each in Catalogue.load().all())


def _section(experiment: Any) -> str:
    schema = experiment.schema
    rows = list(_rows(schema))
    table = ["| parameter | type | required | meaning |", "|---|---|---|---|", *rows] if rows else []
    heading = f"### {experiment.name}\n\n{schema['description']}\n"
    return "\n".join([heading, *(table or ["It has no parameters."]), ""])


def _rows(schema: dict[str, Any], prefix: str = "") -> Any:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        must = "yes" if name in required else "no"
        about = field.get("description", field.get("title", ""))
        if "enum" in field:
            about += ": " + ", ".join(f"`{value}`" for value in field["enum"])
        yield f"| `{prefix}{name}` | {field['type']} | {must} | {about} |"
        yield from _rows(field, f"{prefix}{name}.")
