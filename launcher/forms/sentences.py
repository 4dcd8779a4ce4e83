"""Turns the ends of sentences about JSON into ones about fields, for people."""

import re
from collections.abc import Mapping
from typing import Final

from launcher.forms.controls import ChoiceControl, Control, GroupControl, TextControl

_NUMBER = r"(-?[0-9.eE+-]+)"
_ALTERNATIVES = re.compile(r"must match (?:exactly )?one of its schemas in (?:any|one)Of")
_MISSING = "is missing"
_UNKNOWN = re.compile(r"is not a field of this request; .*", re.DOTALL)
_ORDER = re.compile(r"must not be before (.*)", re.DOTALL)
_FIELDS = re.compile("must hold at least ([0-9]+) fields")
_GAP = re.compile("has to be filled in|must hold at least")
_PATTERN = re.compile(r"must match the pattern .*", re.DOTALL)

_SENTENCES: Final = [
    (re.compile(f"must be at least {_NUMBER}"), r"must be \1 or more"),
    (re.compile(f"may be at most {_NUMBER}"), r"must be \1 or less"),
    (re.compile(f"must be above {_NUMBER}"), r"must be more than \1"),
    (re.compile(f"must be below {_NUMBER}"), r"must be less than \1"),
    (re.compile("must be at least 1 characters long"), "must not be empty"),
    (re.compile("(must be at least|may be at most) 1 characters long"), r"\1 1 character long"),
    (re.compile("must hold at least 1 (?:items|fields)"), "needs at least one row"),
    (re.compile("must hold at least ([0-9]+) (?:items|fields)"), r"needs at least \1 rows"),
    (re.compile("may hold at most 1 (?:items|fields)"), "may have only one row"),
    (re.compile("may hold at most ([0-9]+) (?:items|fields)"), r"may have at most \1 rows"),
    (re.compile("must not hold the same item twice"), "has the same value in two rows"),
    (re.compile("must match exactly one of .*"), "must fit one of its alternatives, and only one"),
    (re.compile("must match one of .*"), "must fit one of its alternatives"),
    (re.compile("(?:must not match|does not match) .*"), "has a value that is not allowed"),
    (re.compile("must be true or false"), "must be yes or no"),
    (re.compile("must be a string"), "must be text"),
    (re.compile("must be an object"), "must be a list of names and values"),
    (re.compile("must be a number of ([0-9]+) bits"), "is too large or too small"),
    (re.compile("(must be a (?:date|time|date and time)) as in RFC 3339, (.*)"), r"\1, \2"),
]


def is_about_alternatives(detail: str) -> bool:
    """Whether the sentence says that a value fits no alternative, or several."""
    return _ALTERNATIVES.fullmatch(detail) is not None


def is_gap(detail: str) -> bool:
    """Whether the sentence says that something has to be filled in yet."""
    return detail == _MISSING or _GAP.match(detail) is not None


def human(
    detail: str,
    siblings: Mapping[str, str],
    control: Control | None = None,
    below: str = "",
) -> str:
    """The end of a sentence in the words of the page, which begins with the control's title.

    `siblings` are the titles of the fields beside it; `below` is the JSON pointer of the part of
    the value that is wrong, if that part has no control.
    """
    if below:
        return _of_part(detail, below)
    if detail == _MISSING:
        return "has to be chosen" if isinstance(control, ChoiceControl) else "has to be filled in"
    if found := _ORDER.fullmatch(detail):
        is_number = isinstance(control, TextControl) and control.type in ("number", "integer")
        other = siblings.get(found[1].replace("~", "~0").replace("/", "~1"), found[1])
        return f"is {'less than' if is_number else 'before'} {other}"
    if _PATTERN.fullmatch(detail):
        return f"does not have the right form{_right_form(control)}"
    if isinstance(control, GroupControl) and (found := _FIELDS.fullmatch(detail)):
        return (
            f"needs at least {'one field' if found[1] == '1' else found[1] + ' fields'} filled in"
        )
    return _plain(detail)


def _right_form(control: Control | None) -> str:
    """What the right form is, as far as the schema says it in words."""
    if control and control.example:
        return f", such as {control.example}"
    description = control.description.strip().rstrip(".") if control else ""
    return f": {description}" if description else ""


def _of_part(detail: str, below: str) -> str:
    """The sentence about a part of a value, which has no control of its own."""
    part = "/".join(each.replace("~1", "/").replace("~0", "~") for each in below[1:].split("/"))
    if _UNKNOWN.fullmatch(detail):
        return f"may not contain “{part}”; remove it"
    if detail == _MISSING:
        return f"has to contain “{part}”"
    return f"contains “{part}”, which {human(detail, {})}"


def _plain(detail: str) -> str:
    for pattern, words in _SENTENCES:
        if found := pattern.fullmatch(detail):
            return found.expand(words)
    return detail
