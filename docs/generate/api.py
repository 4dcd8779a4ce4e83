"""The API reference, from openapi.yaml."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SPEC = Path(__file__).parents[2] / "openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")
MEDIA_TYPE = "application/json"
BASE = "https://hub.example.org/services/launcher"


def markdown() -> str:
    """A section for each tag, operation and schema."""
    spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    reference = Reference(spec)
    parts = [reference.tag(tag) for tag in spec["tags"]]
    return "\n".join([*parts, reference.schemas()])


class Reference:
    """Writes the parts of one specification as Markdown."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Take the specification as it was parsed."""
        self.spec = spec

    def tag(self, tag: dict[str, str]) -> str:
        """The operations of a tag."""
        operations = [
            self.operation(method, path, item)
            for path, item in self.spec["paths"].items()
            for method in METHODS
            if method in item and item[method]["tags"][0] == tag["name"]
        ]
        return "\n".join([f"## {tag['name']}\n\n{tag['description']}\n", *operations])

    def operation(self, method: str, path: str, item: dict[str, Any]) -> str:
        """One operation: what it takes, what it answers, an example."""
        operation = item[method]
        parts = [f"### {method.upper()} {path}\n", f"{operation['summary']}.\n"]
        parts += [operation.get("description", "")]
        parts += self._security(operation)
        parts += self._parameters([*item.get("parameters", ()), *operation.get("parameters", ())])
        parts += self._body(operation)
        parts += self._responses(operation["responses"])
        return "\n".join(parts)

    def schemas(self) -> str:
        """The objects that bodies and answers are made of."""
        parts = ["## Objects\n"]
        for name, schema in self.spec["components"]["schemas"].items():
            if schema.get("type") == "object":
                about = schema.get("description") or schema.get("title") or ""
                parts += [f"### {name}\n", f"{about}\n", *self._fields(schema)]
        return "\n".join(parts)

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in value:
            target: Any = self.spec
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            value = target
        return value

    def _security(self, operation: dict[str, Any]) -> Iterator[str]:
        schemes = operation.get("security", self.spec["security"])
        if not schemes:
            yield "Needs no credential.\n"
        elif schemes != self.spec["security"]:
            (name,) = schemes[0]
            yield f"{self.spec['components']['securitySchemes'][name]['description']}\n"

    def _parameters(self, parameters: list[dict[str, Any]]) -> Iterator[str]:
        if parameters:
            yield "\n| parameter | in | meaning |\n|---|---|---|"
        for parameter in map(self._resolved, parameters):
            about = _cell(parameter["description"])
            schema = self._resolved(parameter["schema"])
            if "default" in schema:
                about += f" Default: `{schema['default']}`."
            if "enum" in schema:
                about += f" One of {_words(schema['enum'])}."
            yield f"| `{parameter['name']}` | {parameter['in']} | {about} |"
        yield ""

    def _body(self, operation: dict[str, Any]) -> Iterator[str]:
        if "requestBody" not in operation:
            return
        content = self._resolved(operation["requestBody"])["content"][MEDIA_TYPE]
        yield "Body:\n"
        yield from self._fields(self._resolved(content["schema"]))
        yield f"```json\n{json.dumps(content['example'], indent=2)}\n```\n"

    def _fields(self, schema: dict[str, Any]) -> Iterator[str]:
        if not schema.get("properties"):
            return
        yield "| field | type | meaning |\n|---|---|---|"
        for name, field in schema["properties"].items():
            must = " (required)" if name in schema.get("required", ()) else ""
            about = _cell(self._resolved(field).get("description", ""))
            yield f"| `{name}`{must} | {self._type(field)} | {about} |"
        yield ""

    def _type(self, field: dict[str, Any]) -> str:
        if "$ref" in field:
            name = field["$ref"].rpartition("/")[2]
            schema = self._resolved(field)
            if schema.get("type") == "object":
                return f"[{name}](#{name.lower()})"
            field = schema
        if "allOf" in field:
            return self._type(field["allOf"][0])
        if "type" not in field:
            return "anything"
        if field["type"] == "array":
            return f"array of {self._type(field['items'])}"
        if "enum" in field:
            return _words(field["enum"])
        null = " or null" if field.get("nullable") else ""
        return f"{field['type']}{null}"

    def _responses(self, responses: dict[str, Any]) -> Iterator[str]:
        yield "| status | meaning |\n|---|---|"
        for status, response in responses.items():
            response = self._resolved(response)
            about = _cell(response["description"])
            schema = response.get("content", {}).get(MEDIA_TYPE, {}).get("schema", {})
            if "$ref" in schema:
                about += f" Body: {self._type(schema)}."
            yield f"| {status} | {about} |"
        yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _words(values: list[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
