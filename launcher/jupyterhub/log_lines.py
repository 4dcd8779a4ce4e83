"""Chooses which part of a log is read, and divides it into lines.

A position in a log is `RUN-OFFSET`: which start wrote it, and the number of the byte. After another
start, or if the byte was left out meanwhile, a position leads to the end of the log.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

# what is read for one request
WINDOW_BYTES = 1024 * 1024
_POSITION = re.compile(r"([0-9a-f]{12})-([0-9]{1,15})")


@dataclass(frozen=True)
class Extent:
    """Which bytes of an output there are."""

    run: str
    first: int
    """The number of the first byte that is there."""
    end: int
    """The number of bytes that were written."""


@dataclass(frozen=True)
class Part:
    """The part of an output to read."""

    extent: Extent
    begin: int
    follows: bool
    """Whether it begins after lines that the caller has."""


def run_of(started: str) -> str:
    """A short name for a start."""
    return sha256(started.encode()).hexdigest()[:12]


def choose(extent: Extent, after: str) -> Part:
    """The part after a position, else the end of the output."""
    found = _POSITION.fullmatch(after)
    if found and found[1] == extent.run and extent.first <= int(found[2]) <= extent.end:
        return Part(extent, int(found[2]), follows=True)
    return Part(extent, max(extent.first, extent.end - WINDOW_BYTES), follows=False)


def divide(part: Part, data: bytes, most: int, *, has_ended: bool) -> "tuple[list[str], str]":
    """At most that many lines of the part, and the position after them.

    They are the first ones if the part follows others, else the last ones. An incomplete last line
    counts if the server `has_ended`.
    """
    begin = part.begin
    if not part.follows and begin > part.extent.first:
        cut = data.find(b"\n") + 1
        begin, data = begin + cut, data[cut:]
    end = data.rfind(b"\n") + 1
    if has_ended or (end == 0 and len(data) >= WINDOW_BYTES):
        end = len(data)
    # not splitlines, for which the \r of a progress bar ends a line
    lines = re.findall(rb"[^\n]*\n|[^\n]+\Z", data[:end])
    taken = lines[:most] if part.follows else lines[-most:]
    if part.follows:
        end = sum(map(len, taken))
    return [_text(line) for line in taken], f"{part.extent.run}-{begin + end}"


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")
