"""Strings: one line, several lines or a password."""

import re
from typing import Any

from launcher.forms.controls import Control, TextControl
from launcher.forms.fields import MISSING, Fields, Reading
from launcher.forms.kinds import BOTH, Errors
from launcher.forms.kinds.place import Place

# texts that may be longer get several lines
LONG = 500
# a browser submits these as other characters, or cannot receive them
_CHANGED = re.compile("[\r\x00\ud800-\udfff]")

_HINTS = {
    "date-time": "Date and time; Z stands for UTC.",
    "date": "Year, month and day.",
    "time": "Time; Z stands for UTC.",
}
_EXAMPLES = {
    "date-time": "2000-01-31T12:30:00Z",
    "date": "2000-01-31",
    "time": "12:30:00Z",
    "email": "a@example.org",
}
_INPUTS = {"password": "password", "email": "email", "uri": "url", "http-url": "url"}


class TextKind:
    """A string."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._format = str(place.schema.get("format", ""))

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write the text; an empty one that is given has a marker."""
        value = self._place.value_or_default(value)
        if value is None:
            fields.add(f"null:{name}", "on")
        elif value is not MISSING:
            fields.add(name, self._shown(value))
            if value == "":
                fields.add(f"given:{name}", "on")

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The text; MISSING if it is empty, unless it is given."""
        fields.names[at] = name
        text = (fields.text(name) or "").replace("\r\n", "\n")
        if self._place.is_null(name, fields):
            if text:
                fields.wrong(name, BOTH)
            return None
        return self._parsed(name, text, fields) if text else self._empty(name, fields)

    def control(self, name: str, fields: Fields, errors: Errors) -> Control:
        """A field for text."""
        value = (fields.text(name) or "").replace("\r\n", "\n")
        return TextControl(
            **self._place.common(name, fields, errors),
            value=value,
            type=self._type(value),
            hint=self._hint(),
            example=self._example(),
        )

    def accepts(self, value: Any) -> bool:
        """Whether it is a string that a browser submits unchanged."""
        if isinstance(value, str):
            return not _CHANGED.search(value)
        return value is None and self._place.nullable

    def _shown(self, value: Any) -> str:
        return str(value)

    def _empty(self, name: str, fields: Fields) -> Reading:
        # without the text, the default would come back
        emptied = fields.has(name) and "default" in self._place.schema
        return "" if emptied or fields.has(f"given:{name}") else MISSING

    def _parsed(self, name: str, text: str, fields: Fields) -> Reading:
        # spaces around a copied date are not part of it
        return text.strip() if self._format not in ("", "password") else text

    def _type(self, value: str) -> str:
        if "\n" in value:
            return "lines"
        plain = not self._format and "pattern" not in self._place.schema
        long = plain and self._place.schema.get("maxLength", 0) > LONG
        return "lines" if long else _INPUTS.get(self._format, "text")

    def _hint(self) -> str:
        return " ".join(filter(None, (_HINTS.get(self._format), self._place.limits)))

    def _example(self) -> str:
        example = self._place.schema.get("example")
        return self._shown(example) if example is not None else _EXAMPLES.get(self._format, "")
