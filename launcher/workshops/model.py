"""Events, and what their fields may hold."""

import re
import time
import unicodedata
from datetime import UTC, datetime, timedelta

from launcher import formats
from launcher.errors import BadRequest
from launcher.store.events import MICROSECONDS as MICROSECONDS
from launcher.store.events import StoredEvent

SAVE = "save-notebook"
"""The type of the events that servers send when a notebook is saved."""

PRIVATE = "private"
"""Notebooks whose names begin so are not kept, in any case of letters."""

# the clock of a server may be fast
MAX_AHEAD = 86_400 * MICROSECONDS
EXAMPLE = "2022-11-14T16:00:00.511Z"
_NOT_OF_A_NAME = re.compile(r"[/\\*?\[\]]")
MAX_COMPONENTS = 64


def now() -> int:
    """The current time, in microseconds since 1970."""
    return time.time_ns() // 1000


def shown(event: StoredEvent) -> dict[str, object]:
    """An event as the API shows it."""
    return {
        "id": event.id,
        "type": event.type,
        "user": event.user,
        "filename": event.filename,
        "path": event.path,
        "timestamp": iso(event.at),
    }


def iso(at: int) -> str:
    """A time in microseconds since 1970 as ISO 8601, with microseconds, in UTC."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)
    return moment.isoformat(timespec="microseconds")


def parse_time(
    text: str, field: str, *, most: int | None = None, latest: str = "a day from now"
) -> int:
    """A time (RFC 3339) in microseconds since 1970, at most `most`; raises BadRequest.

    `latest` describes `most`.
    """
    if problem := formats.problem("date-time", text):
        raise wrong(field, problem)
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise wrong(field, f"must be a time that exists, such as {EXAMPLE}") from error
    at = (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    if at < 0 or (most is not None and at > most):
        raise wrong(field, f"must be between 1970 and {latest}")
    return at


def check_filename(filename: str) -> None:
    """Raise BadRequest unless it is the name of one file."""
    if filename in (".", "..") or filename != filename.strip() or _NOT_OF_A_NAME.search(filename):
        raise wrong(
            "filename",
            "must be the name of a file, such as day1.ipynb: without folders, *, ?, [ and ]",
        )
    check_characters("filename", filename)


def check_path(path: str, filename: str) -> None:
    """Raise BadRequest unless it is the path of the file, without `..`."""
    check_characters("path", path)
    components = path.split("/")
    if any(each in (".", "..") for each in components) or len(components) > MAX_COMPONENTS:
        raise wrong("path", "must be the path of a file, without . and ..")
    if components[-1] != filename:
        raise wrong("path", "must end with the filename")


def check_characters(field: str, text: str) -> None:
    """Raise BadRequest for characters that show as something else: control and bidi characters."""
    if any(unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp") for each in text):
        raise wrong(field, "must not have control characters")


def wrong(field: str, problem: str) -> BadRequest:
    """The error for a field that is not valid."""
    return BadRequest(f"{field} {problem}.", errors=[{"pointer": f"/{field}", "detail": problem}])
