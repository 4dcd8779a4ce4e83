"""Times in forms, which local_times.js shows in the browser's time zone."""

import re
from datetime import UTC, datetime, timedelta

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?")


def parse(text: str, offset: str) -> datetime:
    """The time in a field, and minutes east of UTC ('' without the script); raises ValueError."""
    if not _TIME.fullmatch(text) or not re.fullmatch(r"(-?[0-9]{1,4})?", offset):
        raise ValueError(f"not a time: {text!r}")
    try:
        moment = datetime.fromisoformat(text) - timedelta(minutes=int(offset or 0))
    except OverflowError as error:
        raise ValueError("too far away") from error
    return moment.replace(tzinfo=UTC)


def shown(seconds: float | None) -> str:
    """A time as a field has it, in UTC; '' for None."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M")
