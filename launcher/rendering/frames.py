"""Messages between the launcher and a rendering process: a kind, a length, and bytes."""

import json
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

HEADER = struct.Struct(">cI")
_LENGTH = struct.Struct(">I")

# what is asked: a notebook of the launcher as HTML, a saved one as HTML, statistics of a saved one
NOTEBOOK, SAVED, STATISTICS = b"n", b"s", b"t"
# what is answered; statistics are JSON
HTML, COUNTED, FAILED = b"h", b"c", b"f"


@dataclass(frozen=True)
class Frame:
    """One message."""

    kind: bytes
    content: bytes


def pack(kind: bytes, content: bytes) -> bytes:
    """A message as bytes."""
    return HEADER.pack(kind, len(content)) + content


def read(stream: BinaryIO) -> Frame | None:
    """The next message; None at the end of the stream."""
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    kind, length = HEADER.unpack(head)
    content = stream.read(length)
    return Frame(kind, content) if len(content) == length else None


def join(options: dict[str, Any], packed: bytes) -> bytes:
    """The content of a message: the launcher's own options, and bytes of somebody else."""
    head = json.dumps(options).encode()
    return _LENGTH.pack(len(head)) + head + packed


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The options and the bytes that were joined."""
    (length,) = _LENGTH.unpack_from(content)
    start = _LENGTH.size + length
    return json.loads(content[_LENGTH.size : start]), content[start:]
