"""Validation with JSON Schemas of OpenAPI 3.0: fills in defaults, and explains errors in sentences.

The sentences name the field and the correction, and never repeat the value that was sent.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from fractions import Fraction
from itertools import islice, pairwise
from typing import Any

import jsonschema
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError

from launcher import formats
from launcher.errors import BadRequest

MAX_ERRORS = 10
ASCENDING = "x-ascending"


def _nullable_type(validator: Any, types: Any, value: Any, schema: Mapping[str, Any]) -> Any:
    if value is None and schema.get("nullable"):
        return
    yield from Draft4Validator.VALIDATORS["type"](validator, types, value, schema)


def _properties_with_defaults(
    validator: Any, properties: Any, value: Any, schema: Mapping[str, Any]
) -> Any:
    if isinstance(value, dict):
        for name, subschema in properties.items():
            if "default" in subschema:
                value.setdefault(name, deepcopy(subschema["default"]))
    yield from Draft4Validator.VALIDATORS["properties"](validator, properties, value, schema)


def _too_long(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether the value is longer than allowed, so that slower checks are skipped."""
    return isinstance(value, str) and len(value) > schema.get("maxLength", len(value))


def _format(validator: Any, name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    if not _too_long(value, schema) and (problem := formats.problem(name, value)):
        yield ValidationError(problem)


def _few_unknown(validator: Any, allowed: Any, value: Any, schema: Mapping[str, Any]) -> Any:
    # jsonschema's own message would list all unknown fields
    if allowed is not False or "patternProperties" in schema:
        yield from Draft4Validator.VALIDATORS["additionalProperties"](
            validator, allowed, value, schema
        )
    elif isinstance(value, dict) and next(_unknown(value, schema), None) is not None:
        yield ValidationError("there are unknown fields")


def _unknown(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    known = schema.get("properties", {})
    return (name for name in value if name not in known)


def _whole_pattern(validator: Any, pattern: str, value: Any, schema: Mapping[str, Any]) -> Any:
    if _too_long(value, schema) or formats.problem(schema.get("format", ""), value):
        return  # reported by another keyword
    # in ECMA 262, which JSON Schema uses, $ does not match before a trailing newline
    strict = re.sub(r"(?<!\\)\$$", r"\\Z", pattern)
    yield from Draft4Validator.VALIDATORS["pattern"](validator, strict, value, schema)


def _multiple_of(
    validator: Any, step: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    # exact: with floats, 0.3 is not a multiple of 0.1, and a number of 400 digits overflows
    if validator.is_type(value, "number") and Fraction(str(value)) % Fraction(str(step)):
        yield ValidationError("is no multiple")


def _unique_items(
    validator: Any, unique: bool, value: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    # jsonschema compares all pairs, which takes minutes for some thousand objects
    if unique and isinstance(value, list) and len({_hashable(item) for item in value}) < len(value):
        yield ValidationError("contains an item twice")


def _hashable(value: Any) -> Any:
    """A hashable value, equal for values that are equal in JSON (where true is not 1)."""
    if isinstance(value, dict):
        return frozenset((name, _hashable(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple([_hashable(item) for item in value])
    return (bool, value) if isinstance(value, bool) else value


def _ascending(
    validator: Any, names: list[str], value: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """Check that these properties are in ascending order."""
    present = [name for name in names if isinstance(value, dict) and name in value]
    for first, second in pairwise(present):
        kind = schema["properties"][second].get("format", "")
        if not formats.in_order(kind, value[first], value[second]):
            yield ValidationError(f"must not be before {first}", path=[second])


def _defaults_first(schema: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The keywords, with `properties` first: others check the defaults that it fills in."""
    if "$ref" in schema:
        return [("$ref", schema["$ref"])]
    return sorted(schema.items(), key=lambda item: item[0] != "properties")


_Validator = jsonschema.validators.create(
    meta_schema=Draft4Validator.META_SCHEMA,
    type_checker=Draft4Validator.TYPE_CHECKER,
    id_of=Draft4Validator.ID_OF,
    applicable_validators=_defaults_first,
    validators={
        **Draft4Validator.VALIDATORS,
        "type": _nullable_type,
        "properties": _properties_with_defaults,
        "pattern": _whole_pattern,
        "format": _format,
        "additionalProperties": _few_unknown,
        "multipleOf": _multiple_of,
        "uniqueItems": _unique_items,
        ASCENDING: _ascending,
    },
)


class Checker:
    """Validates values against one schema; created once, used for every request."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _Validator(schema)

    def check(self, value: Any, pointer: str = "") -> None:
        """Validate `value`, and fill in defaults; raises BadRequest with all errors.

        `pointer` is the JSON pointer (RFC 6901) of `value` in the request.
        """
        errors: list[dict[str, str]] = []
        try:
            for error in self._validator.iter_errors(value):
                errors.extend(_explained(error, pointer))
                if len(errors) >= MAX_ERRORS:
                    break
        except RecursionError:
            errors = [{"pointer": pointer, "detail": "is nested too deep"}]
        if errors:
            raise refusal(errors)


def is_valid(checker: Checker, value: Any) -> bool:
    """Whether the checker accepts the value, which is not changed."""
    try:
        checker.check(deepcopy(value))
    except BadRequest:
        return False
    return True


def refusal(errors: list[dict[str, str]]) -> BadRequest:
    """The error for a list of errors: for each field a JSON pointer and the end of a sentence."""
    first = errors[0]
    field = first["pointer"].lstrip("/").replace("/", ".") or "The body"
    return BadRequest(f"{field} {first['detail']}.", errors=errors[:MAX_ERRORS])


_checkers: dict[int, tuple[Mapping[str, Any], Checker]] = {}


def checker_of(schema: Mapping[str, Any]) -> Checker:
    """The cached checker of a schema in openapi.yaml.

    Connexion creates a validator for each request, with the same schema object for each operation.
    """
    kept = _checkers.get(id(schema))
    if kept is None or kept[0] is not schema:
        kept = _checkers[id(schema)] = (schema, Checker(schema))
    return kept[1]


def pointer_to(base: str, *parts: object) -> str:
    """The JSON pointer (RFC 6901) of `parts` below `base`."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "/".join([base, *escaped])


def _explained(error: ValidationError, base: str) -> Iterator[dict[str, str]]:
    here = pointer_to(base, *error.absolute_path)
    if error.validator == "required":
        # jsonschema raises one error for each name, and only its message contains the name
        missing = [n for n in error.validator_value if error.message.startswith(repr(n))]
        for name in missing[:1]:
            yield {"pointer": pointer_to(here, name), "detail": "is missing"}
    elif error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        fix = f"leave it out, or use one of: {', '.join(known)}" if known else "leave it out"
        for name in islice(_unknown(error.instance, error.schema), MAX_ERRORS):
            yield {
                "pointer": pointer_to(here, name[:64]),
                "detail": f"is not a field of this request; {fix}",
            }
    else:
        yield {"pointer": here, "detail": _sentence(error)}


TYPES = {
    "object": "an object", "array": "a list", "string": "a string", "number": "a number",
    "integer": "a whole number", "boolean": "true or false",
}  # fmt: skip

_SENTENCES = {
    "maxLength": "may be at most {0} characters long",
    "minLength": "must be at least {0} characters long",
    "maximum": "may be at most {0}",
    "minimum": "must be at least {0}",
    "maxItems": "may hold at most {0} items",
    "minItems": "must hold at least {0} items",
    "maxProperties": "may hold at most {0} fields",
    "minProperties": "must hold at least {0} fields",
    "pattern": "must match the pattern {0}",
    "multipleOf": "must be a multiple of {0}",
    "uniqueItems": "must not hold the same item twice",
    "anyOf": "must match one of its schemas in anyOf",
    "oneOf": "must match exactly one of its schemas in oneOf",
    "not": "must not match its schema in not",
}


def _sentence(error: ValidationError) -> str:
    value = error.validator_value
    if error.validator == "type":
        return f"must be {TYPES.get(value, value)}"
    if error.validator == "enum":
        return f"must be one of: {', '.join(str(choice) for choice in value)}"
    if error.validator in ("format", ASCENDING):
        return error.message
    sentence = _SENTENCES.get(error.validator, "does not match its schema")
    return _exclusive(error, sentence).format(value)


def _exclusive(error: ValidationError, sentence: str) -> str:
    if error.validator == "maximum" and error.schema.get("exclusiveMaximum"):
        return "must be below {0}"
    if error.validator == "minimum" and error.schema.get("exclusiveMinimum"):
        return "must be above {0}"
    return sentence
