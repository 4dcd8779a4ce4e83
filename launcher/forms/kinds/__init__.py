"""The kinds of values in a form: how each is written to fields, read from them, and shown."""

from collections.abc import Mapping
from typing import Any, Protocol

from launcher.forms.controls import Control
from launcher.forms.fields import MISSING, Fields, Reading

Errors = Mapping[str, tuple[str, ...]]
"""Sentences by the name of a control."""

BOTH = "is filled in although “No value” is chosen; choose one of the two"


class Kind(Protocol):
    """One place in the schema."""

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Add the fields that show a value, or its default if the value is MISSING."""

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The value in the fields, or MISSING; `at` is the JSON pointer that it will have."""

    def control(self, name: str, fields: Fields, errors: Errors) -> Control:
        """The control that shows the fields."""

    def accepts(self, value: Any) -> bool:
        """Whether the control can show the value, and a browser submits it unchanged."""


def empty(kind: Kind, name: str) -> Control:
    """The control of a new value, with its defaults."""
    fields = Fields()
    kind.write(name, MISSING, fields)
    return kind.control(name, fields, {})
