"""Unpacks gzip data (RFC 1952) that is not trusted, in small parts."""

import zlib
from collections.abc import Iterator

from launcher.rendering.failures import INCOMPLETE, INVALID, TOO_LARGE, NotebookUnusable
from launcher.rendering.limits import MAX_MEMBERS

CHUNK = 65_536
_GZIP = 16 + zlib.MAX_WBITS


def parts(packed: bytes, most: int, size: int = CHUNK) -> Iterator[bytes]:
    """The content of all members, in parts of at most `size` bytes.

    Raises NotebookUnusable if there are more than `most` bytes, or something else after the gzip
    data.
    """
    left, members, total = memoryview(packed), 0, 0
    while left and members < MAX_MEMBERS:
        member = _Member(left)
        while unpacked := member.next(min(size, most + 1 - total)):
            total += len(unpacked)
            if total > most:
                raise NotebookUnusable(TOO_LARGE)
            yield unpacked
        left = left[member.length :]
        members += 1
    if left or not members:
        raise NotebookUnusable(INVALID)


class _Member:
    """The first member of gzip data."""

    def __init__(self, packed: memoryview) -> None:
        self._packed = packed
        self._position = 0
        self._left = b""
        self._unpacking = zlib.decompressobj(_GZIP)

    @property
    def length(self) -> int:
        """Its bytes, once all of it is unpacked."""
        return self._position - len(self._unpacking.unused_data)

    def next(self, most: int) -> bytes:
        """The next bytes of its content, b'' at its end; raises NotebookUnusable."""
        while not self._unpacking.eof:
            if unpacked := self._unpack(most):
                return unpacked
        return b""

    def _unpack(self, most: int) -> bytes:
        if not self._left:
            self._left = bytes(self._packed[self._position : self._position + CHUNK])
            self._position += len(self._left)
        given = self._left
        try:
            unpacked = self._unpacking.decompress(given, most)
        except zlib.error as error:
            raise NotebookUnusable(INVALID) from error
        if not given and not unpacked and not self._unpacking.eof:
            raise NotebookUnusable(INCOMPLETE)
        self._left = self._unpacking.unconsumed_tail
        return unpacked
