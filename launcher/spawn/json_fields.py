"""Reads fields of JSON objects with checks of their types."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from launcher.spawn.errors import SpecificationError

MAX_TEXT = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Read = Callable[[Any, str], Any]


def known(value: Any, field: str, names: Mapping[str, Read]) -> dict[str, Any]:
    """The fields of an object, each read by its function; null and missing ones are left out.

    Raises SpecificationError for another type, and for fields that are not in `names`.
    """
    if not isinstance(value, dict):
        raise SpecificationError(field, "must be an object")
    for name in value:
        if name not in names:
            raise SpecificationError(
                inner(field, str(name)[:64]), f"is unknown; known are: {', '.join(sorted(names))}"
            )
    present = {name: each for name, each in value.items() if each is not None}
    return {name: names[name](each, inner(field, name)) for name, each in present.items()}


def inner(field: str, name: str) -> str:
    """The path of a field in another one."""
    return f"{field}.{name}" if field else name


def text(value: Any, field: str) -> str:
    """A text of 1 to 4,096 characters without control characters; raises SpecificationError."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or _CONTROL.search(value):
        raise SpecificationError(
            field, f"must be text of 1 to {MAX_TEXT} characters, without control characters"
        )
    return value


def absolute(value: Any, field: str) -> str:
    """An absolute path in its normal form, without `.` and `..`; raises SpecificationError."""
    path = text(value, field)
    parts = path.split("/")
    if parts[0] or any(part in ("", ".", "..") for part in parts[1:]):
        raise SpecificationError(
            field, "must be an absolute path without empty, . and .. components"
        )
    return path


def relative(value: Any, field: str) -> str:
    """A relative path in its normal form; raises SpecificationError."""
    path = text(value, field)
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise SpecificationError(
            field, "must be a relative path without empty, . and .. components"
        )
    return path


def boolean(value: Any, field: str) -> bool:
    """True or false; raises SpecificationError."""
    if not isinstance(value, bool):
        raise SpecificationError(field, "must be true or false")
    return value


def whole(least: int, most: int) -> Read:
    """A function that reads a whole number in these bounds."""

    def read(value: Any, field: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise SpecificationError(field, f"must be a whole number from {least} to {most}")
        return value

    return read


def amount(most: float) -> Read:
    """A function that reads a number above 0, at most `most`."""

    def read(value: Any, field: str) -> float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not 0 < value <= most:
            raise SpecificationError(field, f"must be a number above 0, at most {most:g}")
        return float(value)

    return read


def one_of(*choices: str) -> Read:
    """A function that reads one of these words."""

    def read(value: Any, field: str) -> str:
        if value not in choices or not isinstance(value, str):
            raise SpecificationError(field, f"must be one of: {', '.join(choices)}")
        return value

    return read


def items(read: Read, most: int) -> Read:
    """A function that reads a list of at most `most` items as a tuple."""

    def read_all(value: Any, field: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise SpecificationError(field, f"must be a list of at most {most} items")
        return tuple(read(each, f"{field}[{number}]") for number, each in enumerate(value))

    return read_all


def mapping(read: Read, most: int) -> Read:
    """A function that reads an object with at most `most` names."""

    def read_all(value: Any, field: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > most:
            raise SpecificationError(field, f"must be an object with at most {most} names")
        return {
            text(name, f"a name in {field}"): read(each, inner(field, str(name)[:64]))
            for name, each in value.items()
        }

    return read_all
