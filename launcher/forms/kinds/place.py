"""What every kind knows of its place in the schema."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from launcher.forms.fields import MISSING, Fields, Reading
from launcher.forms.kinds import Errors, limits
from launcher.forms.kinds.merging import Schema


@dataclass(frozen=True)
class Place:
    """A schema and its place in another one."""

    schema: Schema
    title: str
    required: bool
    depth: int

    @property
    def nullable(self) -> bool:
        """Whether null is a value."""
        return bool(self.schema.get("nullable"))

    @property
    def default(self) -> Reading:
        """The default in the schema, or MISSING."""
        return deepcopy(self.schema["default"]) if "default" in self.schema else MISSING

    @property
    def always(self) -> bool:
        """Whether there is always a value: without one, the default would be filled in."""
        return self.required or "default" in self.schema

    @property
    def limits(self) -> str:
        """The limits of the values, in words."""
        return limits.in_words(self.schema)

    def value_or_default(self, value: Reading) -> Reading:
        """The value, or the default if it is MISSING."""
        return self.default if value is MISSING else value

    def is_null(self, name: str, fields: Fields) -> bool:
        """Whether null was chosen."""
        return self.nullable and fields.has(f"null:{name}")

    def common(self, name: str, fields: Fields, errors: Errors) -> dict[str, Any]:
        """The arguments of each control."""
        return {
            "name": name,
            "title": self.title,
            "description": str(self.schema.get("description", "")).strip(),
            "required": self.required,
            "errors": errors.get(name, ()),
            "nullable": self.nullable,
            "is_null": fields.has(f"null:{name}"),
            "is_given": fields.has(f"given:{name}"),
            "has_focus": fields.has(f"focus:{name}"),
        }
