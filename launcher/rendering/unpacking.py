"""Unpacks and parses a saved notebook, which is not trusted. Runs in a rendering process only."""

import json
import zlib
from typing import Any

from launcher.rendering.failures import INCOMPLETE, INVALID, TOO_LARGE, NotebookUnusable
from launcher.rendering.limits import MAX_MEMBERS, MAX_UNPACKED

_CHUNK = 65_536
_GZIP = 16 + zlib.MAX_WBITS
_LONGEST_INTEGER = 18
"""Digits: such an integer fits in 64 bits."""


def read(packed: bytes) -> dict[str, Any]:
    """The JSON object in gzip data; raises NotebookUnusable."""
    text = _unpack(packed).decode("utf-8-sig", "replace")
    try:
        found = json.loads(text, parse_int=_number, parse_constant=_nothing)
    except RecursionError as error:
        raise NotebookUnusable(INVALID) from error
    except ValueError as error:
        raise NotebookUnusable(INCOMPLETE) from error
    if not isinstance(found, dict):
        raise NotebookUnusable(INVALID)
    return found


def _unpack(packed: bytes) -> bytearray:
    """The content of all members; never holds more than MAX_UNPACKED bytes of it."""
    content, left, members = bytearray(), memoryview(packed), 0
    while left and members < MAX_MEMBERS:
        left = left[_unpack_member(left, content) :]
        members += 1
    if left or not members:
        raise NotebookUnusable(INVALID)
    return content


def _unpack_member(packed: memoryview, content: bytearray) -> int:
    """Append what the first member contains, and return its length."""
    member = zlib.decompressobj(_GZIP)
    position, left = 0, b""
    while not member.eof:
        if not left:
            left = bytes(packed[position : position + _CHUNK])
            position += len(left)
        content += _unpack_chunk(member, left, MAX_UNPACKED + 1 - len(content))
        if len(content) > MAX_UNPACKED:
            raise NotebookUnusable(TOO_LARGE)
        left = member.unconsumed_tail
    return position - len(member.unused_data)


def _unpack_chunk(member: "zlib._Decompress", packed: bytes, room: int) -> bytes:
    """The next bytes of the content."""
    try:
        unpacked = member.decompress(packed, min(room, _CHUNK))
    except zlib.error as error:
        raise NotebookUnusable(INVALID) from error
    if not packed and not unpacked and not member.eof:
        raise NotebookUnusable(INCOMPLETE)
    return unpacked


def _number(digits: str) -> int | float:
    """Python refuses integers of thousands of digits; nothing that is shown needs them."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _nothing(constant: str) -> None:
    """NaN and Infinity are no JSON, but some kernels write them in outputs."""
