"""Any JSON value, as text: for schemas without a type, and values without another control."""

import json
import math
from typing import Any

from launcher.forms.controls import Control, TextControl
from launcher.forms.fields import EMPTIED, MISSING, Fields, Reading
from launcher.forms.kinds import Errors, Kind
from launcher.forms.kinds.number import MAX_DIGITS
from launcher.forms.kinds.place import Place
from launcher.forms.kinds.text import TextKind
from launcher.nesting import is_deeper_than

# serializing and checking values recurses for each level; no form needs more
MAX_LEVELS = 100
_HINT = "Written as JSON, with texts in quotes."


class JSONKind(TextKind):
    """Any JSON value."""

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write the value as JSON."""
        value = self._place.value_or_default(value)
        if value is not MISSING:
            fields.add(name, self._shown(value))

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The value; MISSING if the text is empty or is not JSON."""
        fields.names[at] = name
        text = fields.text(name) or ""
        return read_json(text, name, fields) if text.strip() else self._empty(name, fields)

    def accepts(self, value: Any) -> bool:
        """Whether it is anything."""
        return True

    def _shown(self, value: Any) -> str:
        return as_json(value)

    def _empty(self, name: str, fields: Fields) -> Reading:
        if fields.has(name) and "default" in self._place.schema:
            default = self._shown(self._place.default)
            fields.wrong(name, f"has to be filled in; the default is {default}")
        return MISSING

    def _type(self, value: str) -> str:
        return "json"

    def _hint(self) -> str:
        return _HINT


class OrJSON:
    """Another kind; values that its control cannot show are shown as JSON.

    These are values of another type, very long lists, names that are empty, and texts with
    characters that browsers change.
    """

    def __init__(self, kind: Kind, place: Place) -> None:
        self._kind = kind
        self._place = place

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write the value as its kind does, else as JSON."""
        before = len(fields)
        value = self._place.value_or_default(value)
        if value is MISSING or self._kind.accepts(value):
            self._kind.write(name, value, fields)
            if not fields.is_full:
                return
            fields.keep(before)
        if value is not MISSING:
            fields.add(f"json:{name}", as_json(value))

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The value; MISSING if its JSON is empty or is wrong."""
        self._write_if_emptied(name, fields)
        if not fields.has(f"json:{name}"):
            return self._kind.read(name, at, fields)
        fields.names[at] = name
        text = fields.text(f"json:{name}") or ""
        return read_json(text, name, fields) if text.strip() else MISSING

    def control(self, name: str, fields: Fields, errors: Errors) -> Control:
        """The control of its kind, or one for JSON."""
        self._write_if_emptied(name, fields)
        if not fields.has(f"json:{name}"):
            return self._kind.control(name, fields, errors)
        common = {**self._place.common(name, fields, errors), "nullable": False}
        value = (fields.text(f"json:{name}") or "").replace("\r\n", "\n")
        return TextControl(**common, value=value, type="json", hint=_HINT, field=f"json:{name}")

    def _write_if_emptied(self, name: str, fields: Fields) -> None:
        if fields.has(f"{EMPTIED}:{name}"):
            self.write(name, MISSING, fields)

    def accepts(self, value: Any) -> bool:
        """Whether the value has the type of its kind."""
        return self._kind.accepts(value)


# of all fields together: checking each takes microseconds, during which the worker is blocked
MAX_VALUES = 10_000


def as_json(value: Any) -> str:
    """The value as JSON that every page can contain."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    # other control characters are escaped in JSON
    return text.replace("\x7f", "\\u007f")


def read_json(text: str, name: str, fields: Fields) -> Reading:
    """The value of the text; MISSING, with an error, if it is not I-JSON (RFC 7493)."""
    fields.values += 1 + text.count(",")
    if fields.values > MAX_VALUES:
        fields.wrong(name, f"has more than {MAX_VALUES:,} values")
        return MISSING
    try:
        value = json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_unique,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except (_Wrong, RecursionError) as error:
        fields.wrong(name, str(error) if isinstance(error, _Wrong) else "is nested too deeply")
    except UnicodeEncodeError:
        fields.wrong(name, "contains half of a surrogate pair (\\ud800 to \\udfff)")
    except ValueError:
        fields.wrong(name, 'must be JSON, such as 12, true, "text" or ["a", "b"]')
    else:
        if not is_deeper_than(MAX_LEVELS, value):
            return value
        fields.wrong(name, "is nested too deeply")
    return MISSING


class _Wrong(ValueError):
    """A part of a JSON text is refused; the message is the end of a sentence."""


def _refuse(constant: str) -> Any:
    raise _Wrong(f"contains {constant}, which is not a number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Wrong("contains a number that is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _Wrong("contains a number that is too long")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _Wrong("contains an object with the same name twice")
    return fields
