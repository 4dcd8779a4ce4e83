"""Messages between the launcher and a rendering process: a status, a length, and bytes."""

import struct
from typing import BinaryIO

HEADER = struct.Struct(">cI")
NOTEBOOK, HTML, FAILED = b"n", b"h", b"f"


def pack(status: bytes, content: bytes) -> bytes:
    """A message as bytes."""
    return HEADER.pack(status, len(content)) + content


def read(stream: BinaryIO) -> bytes | None:
    """The content of the next message; None at the end of the stream."""
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    _, length = HEADER.unpack(head)
    content = stream.read(length)
    return content if len(content) == length else None
