"""openapi.yaml as tests read it, and what they demand of a schema in it."""

from pathlib import Path

import yaml

TOP = Path(__file__).parents[2] / "openapi.yaml"
SPEC = yaml.safe_load(TOP.read_text(encoding="utf-8"))
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
READY = "launcher.api.health.ready"
PUBLIC = {"launcher.api.health.health", READY}
METRICS = "launcher.api.health.metrics"
STREAMS = {"launcher.api.launches.events", "launcher.api.events.stream"}
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, item in SPEC["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
SCHEMA_KEYWORDS = {
    "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems",
    "maxProperties", "minProperties",
    "required", "enum", "type", "allOf", "oneOf", "anyOf", "not", "items", "properties",
    "additionalProperties", "description", "format", "default", "nullable", "discriminator",
    "readOnly", "writeOnly", "xml", "externalDocs", "example", "deprecated",
}  # fmt: skip
# what answers with a file, and its media type
FILES = {
    "launcher.api.notebooks.export": "application/zip",
    "launcher.api.notebooks.file": "application/x-ipynb+json",
    "launcher.api.workshops.export": "application/zip",
}
# for participants and teachers, and for code in users' servers
OF_WORKSHOPS = ("launcher.api.events.", "launcher.api.notebooks.", "launcher.api.workshop")


def resolved(value):
    """The value without its references."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        target = SPEC
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return resolved(target)
    return {key: resolved(item) for key, item in value.items()}


def body_schema(operation):
    body = resolved(operation.get("requestBody", {}))
    return body.get("content", {}).get("application/json", {}).get("schema")


def check_bounds(schema, where):
    if schema["type"] == "object":
        if "properties" in schema:
            # a model may be told more than we know of, up to a bound
            closed = schema["additionalProperties"] is False
            assert closed or (where.endswith("/setup/model") and schema["maxProperties"]), where
        for field, subschema in schema.get("properties", {}).items():
            check_bounds(subschema, f"{where}/{field}")
    elif schema["type"] == "string":
        bounded = {"maxLength", "enum", "pattern"} & schema.keys()
        assert bounded, where
    elif schema["type"] == "array":
        assert "maxItems" in schema, where
        check_bounds(schema["items"], f"{where}/items")


def check_keywords(schema):
    words = {word for word in schema if not word.startswith("x-")}
    assert words <= SCHEMA_KEYWORDS, words - SCHEMA_KEYWORDS
    for subschema in schema.get("properties", {}).values():
        check_keywords(subschema)
    if "items" in schema:
        check_keywords(schema["items"])
