"""Enumerations and booleans: a choice of one of several values, or a checkbox."""

import json
from collections import Counter
from copy import deepcopy
from typing import Any

from launcher.forms.controls import Choice, ChoiceControl, Control, FlagControl
from launcher.forms.fields import MISSING, Fields, Reading
from launcher.forms.kinds import Errors
from launcher.forms.kinds.place import Place

_WORDS = {"true": "yes", "false": "no", "null": "no value", '""': "empty text"}


class ChoiceKind:
    """One of several values, which keep their types."""

    def __init__(self, place: Place) -> None:
        self._place = place
        values = list(place.schema.get("enum", (True, False)))
        if place.nullable and None not in values:
            values.append(None)
        self._by_text = {_json(value): value for value in values}
        labels = [_label(text, value) for text, value in self._by_text.items()]
        # the text "1" beside the number 1
        again = {label for label, count in Counter(labels).items() if count > 1}
        self._choices = tuple(
            Choice(text, text if label in again else label)
            for text, label in zip(self._by_text, labels, strict=True)
        )

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write the value as JSON."""
        value = self._place.value_or_default(value)
        if value is not MISSING:
            fields.add(name, self._text(value))

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The value; MISSING if nothing was chosen."""
        fields.names[at] = name
        text = fields.text(name) or ""
        if text and text not in self._by_text:
            fields.wrong(name, "must be one of the values in the list")
        return deepcopy(self._by_text[text]) if text in self._by_text else MISSING

    def control(self, name: str, fields: Fields, errors: Errors) -> Control:
        """A list to choose from; the first entry means no answer."""
        text = fields.text(name) or ""
        none = Choice("", "Choose …" if self._place.always else "Not given")
        choices = self._choices
        if text not in self._by_text or not self._place.always:
            choices = (none, *choices)
        common = {**self._place.common(name, fields, errors), "nullable": False}
        return ChoiceControl(**common, value=text, choices=choices)

    def accepts(self, value: Any) -> bool:
        """Whether it is one of the values."""
        return self._text(value) in self._by_text

    def _text(self, value: Any) -> str:
        """The text of the value in the list; 1 and 1.0 are equal, 1 and true are not."""
        text = _json(value)
        if text in self._by_text or isinstance(value, bool):
            return text
        same = (each for each, known in self._by_text.items() if _equal(known, value))
        return next(same, text)


class FlagKind:
    """Yes or no, for a boolean that always has a value."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write a checkbox that is checked or not, with a marker that it is there."""
        fields.add(f"given:{name}", "on")
        if self._place.value_or_default(value) is True:
            fields.add(name, "true")

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """True or False; MISSING without the checkbox."""
        fields.names[at] = name
        if fields.text(name) == "true":
            return True
        return False if fields.has(f"given:{name}") else MISSING

    def control(self, name: str, fields: Fields, errors: Errors) -> Control:
        """A checkbox."""
        common = self._place.common(name, fields, errors)
        return FlagControl(**common, is_checked=fields.text(name) == "true")

    def accepts(self, value: Any) -> bool:
        """Whether it is true or false."""
        return isinstance(value, bool)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _label(text: str, value: Any) -> str:
    return value if isinstance(value, str) and value.strip() else _WORDS.get(text, text)


def _equal(first: Any, second: Any) -> bool:
    numbers = (int, float)
    return isinstance(first, numbers) and not isinstance(first, bool) and bool(first == second)
