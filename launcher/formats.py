"""Validators for the `format` keyword of schemas, each with an error sentence.

In JSON Schema and OpenAPI, checking formats is optional; here a schema with a format that is not in
this list is refused.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any
from urllib.parse import quote, urlsplit

from rfc3339_validator import validate_rfc3339
from rfc3986_validator import validate_rfc3986

# as browsers check <input type=email> (HTML, "valid e-mail address")
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")
# RFC 9562
_UUID = re.compile("[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOT_OF_A_URI = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})")
_WEB = re.compile("https?://", re.IGNORECASE)


_NO_ZONE = "must end with a time zone: Z for UTC, or an offset such as +01:00"


def _date_time(text: str) -> str:
    # the pattern of rfc3339_validator accepts a newline at the end
    if text.endswith("\n") or not validate_rfc3339(text.upper()):
        if not text.endswith("\n") and validate_rfc3339(f"{text}Z".upper()):
            return _NO_ZONE
        return "must be a date and time as in RFC 3339, such as 2000-01-31T00:00:00Z"
    return ""


def _time(text: str) -> str:
    problem = _date_time(f"1970-01-01T{text}")
    if problem == _NO_ZONE:
        return problem
    if problem:
        return "must be a time as in RFC 3339, such as 12:30:00Z or 12:30:00+01:00"
    return ""


def _date(text: str) -> str:
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return ""
    except ValueError:
        pass
    return "must be a date as in RFC 3339, such as 2000-01-31"


def _email(text: str) -> str:
    return "" if _EMAIL.fullmatch(text) else "must be an email address, such as a@example.org"


def _uuid(text: str) -> str:
    example = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    return "" if _UUID.fullmatch(text) else f"must be a UUID, such as {example}"


def _ipv4(text: str) -> str:
    try:
        IPv4Address(text)
    except AddressValueError:
        return "must be an IPv4 address, such as 192.0.2.1"
    return ""


def _ipv6(text: str) -> str:
    try:
        if not IPv6Address(text).scope_id:
            return ""
    except AddressValueError:
        pass
    return "must be an IPv6 address, such as 2001:db8::1"


def _uri(text: str) -> str:
    if wrong := _NOT_OF_A_URI.search(text):
        return _character(text, wrong.start())
    if validate_rfc3986(text, rule="URI"):
        return ""
    # brackets are allowed only around an IPv6 address
    elsewhere = re.search(r"[\[\]]", text)
    if elsewhere and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*\[", text):
        return _character(text, elsewhere.start())
    return "must be an absolute URI, such as https://example.org/data"


def _http_url(text: str) -> str:
    if not _WEB.match(text):
        return "must begin with http:// or https://"
    for at, character in enumerate(text):
        if character == " " or not character.isprintable():
            return _character(text, at)
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    return "" if host else "must name a host, as in https://example.org/data"


def _character(text: str, at: int) -> str:
    """The sentence about one character of a URI, with its percent-encoding."""
    character = text[at]
    if character == "%":
        return f"contains a % (character {at + 1}) without two hexadecimal digits; write it as %25"
    shown = character if character.isprintable() and character != " " else ""
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    coded = quote(character, safe="", errors="replace")
    what = f"{shown} ({name})" if shown else name
    return f"must not contain {what}, its character {at + 1}; write it as {coded}"


def _any(_value: Any) -> str:
    return ""


def _whole(bits: int) -> Callable[[Any], str]:
    most = 2 ** (bits - 1)
    return lambda value: "" if -most <= value < most else f"must be a number of {bits} bits"


@dataclass(frozen=True)
class Format:
    """One format, and the types of JSON Schema that it applies to."""

    problem: Callable[[Any], str]
    """Returns the error of a value of that type, or ''."""
    types: tuple[str, ...] = ("string",)


FORMATS = {
    "date-time": Format(_date_time),
    "date": Format(_date),
    "time": Format(_time),
    "email": Format(_email),
    "uuid": Format(_uuid),
    "uri": Format(_uri),
    "http-url": Format(_http_url),
    "ipv4": Format(_ipv4),
    "ipv6": Format(_ipv6),
    "int32": Format(_whole(32), ("integer",)),
    "int64": Format(_whole(64), ("integer",)),
    # every JSON number becomes a Python float
    "float": Format(_any, ("number",)),
    "double": Format(_any, ("number",)),
    # a hint for forms only
    "password": Format(_any),
}


def problem(name: str, value: Any) -> str:
    """The error of a value, or ''; values of other types are checked by `type`."""
    known = FORMATS.get(name)
    if known is None or not any(_is(value, kind) for kind in known.types):
        return ""
    return known.problem(value)


def _is(value: Any, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, str)
    number = (int, float) if kind == "number" else int
    return isinstance(value, number) and not isinstance(value, bool)


_MOMENTS: dict[str, Callable[[str], Any]] = {
    "date-time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
}


def in_order(name: str, first: Any, second: Any) -> bool:
    """Whether `first` <= `second` in that format; True for values that are not valid."""
    if any(problem(name, value) for value in (first, second)):
        return True
    read = _MOMENTS.get(name)
    try:
        if read:
            return bool(read(first.upper()) <= read(second.upper()))
        return bool(first <= second)
    except (AttributeError, TypeError):
        return True
