"""Checks of what a user says of an entrypoint: its name, its data and its systems."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from launcher import nesting, urls
from launcher.entrypoints.model import Entrypoint, EntrypointType
from launcher.errors import BadRequest, NotFound, NotOnSystem

MAX_NAME = 100
MAX_DATA_BYTES = 16 * 1024
MAX_LEVELS = 20
MAX_LISTED = 20
MAX_SHOWN = 100
# characters that are slashes, or look like one
_SLASHES = re.compile(r"[/\\\u2044\u2215\u2216\u29f5\u29f8\ufe68\uff0f\uff3c]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ID = re.compile("[0-9a-fA-F]{32}")


def is_id(text: str) -> bool:
    """Whether the text has the form of an entrypoint's id."""
    return bool(_ID.fullmatch(text))


def normalized(name: str) -> str:
    """The name in NFC: names that look the same are the same."""
    return unicodedata.normalize("NFC", name)


def parse_name(text: str) -> str:
    """The name of an entrypoint, in NFC; raises BadRequest."""
    name = normalized(text)
    if not 0 < len(name) <= MAX_NAME:
        raise _refused("/name", f"must have 1 to {MAX_NAME} characters")
    if is_id(name):
        raise _refused("/name", "must not look like an id, which has 32 hexadecimal digits")
    if _SLASHES.search(name) or name in (".", ".."):
        raise _refused("/name", "must not be . or .. and must not contain slashes or backslashes")
    # refuses control, bidirectional and invisible characters, and spaces at the ends
    return urls.parse_server_name(name, "/name")


def is_storable(text: str) -> bool:
    """Whether every database can compare the text with a name."""
    return "\x00" not in text and not _SURROGATES.search(text)


def is_printable(name: str) -> bool:
    """Whether the name of an option can be stored and shown."""
    return 0 < len(name) <= 255 and name.isprintable() and name == name.strip()


def parse_data(kind: EntrypointType, data: Any) -> dict[str, Any]:
    """A copy of the data, with the schema's defaults; raises BadRequest."""
    if not isinstance(data, dict):
        raise _refused("/data", "must be an object")
    if nesting.is_deeper_than(MAX_LEVELS, data):
        raise _refused("/data", f"must not have more than {MAX_LEVELS} levels")
    _check_size(data)
    copy: dict[str, Any] = deepcopy(data)
    kind.check_data(copy)
    _check_size(copy)
    return copy


def _check_size(data: Mapping[str, Any]) -> None:
    try:
        size = len(json.dumps(data, ensure_ascii=False, allow_nan=False).encode("utf-8"))
    except ValueError as error:  # NaN, or half of a surrogate pair
        raise _refused("/data", "must be JSON with text in Unicode and finite numbers") from error
    if size > MAX_DATA_BYTES:
        raise _refused("/data", f"must have at most {MAX_DATA_BYTES} bytes as JSON")


def parse_systems(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The names of one system or more, each once and sorted; raises BadRequest or NotFound."""
    found = tuple(sorted(set(names)))
    if not found:
        raise _refused("/systems", "must hold at least one system")
    for name in found:
        if name not in known:
            raise not_found("system", name, known)
    return found


def not_found(what: str, name: str, known: Iterable[str]) -> NotFound:
    """The error for an unknown name, with a list of those that there are."""
    return NotFound(f"There is no {what} {shown(name)}. {_there_are(list(known))}")


def not_on(entrypoint: Entrypoint, system: str) -> NotOnSystem:
    """The error for an entrypoint that is not on a system."""
    systems = ", ".join(entrypoint.systems) or "no system"
    return NotOnSystem(
        f"The entrypoint {shown(entrypoint.name)} is not on the system {shown(system)}. It is on:"
        f" {systems}."
    )


def _there_are(names: list[str]) -> str:
    if not names:
        return "There is none yet."
    more = ", …" if len(names) > MAX_LISTED else ""
    return f"Known names: {', '.join(names[:MAX_LISTED])}{more}."


def shown(name: str) -> str:
    """A name in quotation marks, for a sentence."""
    return repr(name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…")


def _refused(pointer: str, sentence: str) -> BadRequest:
    field = pointer.lstrip("/")
    return BadRequest(f"{field} {sentence}.", errors=[{"pointer": pointer, "detail": sentence}])
