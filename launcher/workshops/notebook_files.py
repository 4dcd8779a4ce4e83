"""Saved notebooks as files, unpacked in small parts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from launcher.errors import NotFound, TooLarge
from launcher.rendering import gzipped
from launcher.rendering.failures import TOO_LARGE, NotebookUnusable
from launcher.workshops.places import HeldPlace, Places

# of a notebook that is downloaded
MAX_FILE = 64 * 1024**2
PART = 256 * 1024


@dataclass(frozen=True)
class SavedFile:
    """A file that can be unpacked."""

    packed: bytes
    size: int

    def parts(self) -> Iterator[bytes]:
        """Its content."""
        return gzipped.parts(self.packed, MAX_FILE, PART)


@dataclass(frozen=True)
class Download:
    """The content of a file as it is sent, and its length in bytes."""

    content: AsyncIterator[bytes]
    size: int


async def opened(packed: bytes) -> SavedFile:
    """The file in gzip data, of at most MAX_FILE bytes; raises NotFound, TooLarge."""
    return SavedFile(packed, await asyncio.to_thread(_size, packed))


async def sent(file: SavedFile, places: Places, place: HeldPlace) -> AsyncIterator[bytes]:
    """The content of a file; the place is free when it ends, or when nobody wants it any more."""
    try:
        parts = file.parts()
        while part := await asyncio.to_thread(next, parts, b""):
            yield part
    finally:
        places.free(place)


def _size(packed: bytes) -> int:
    """The bytes of the content, of which only a part is in memory at a time."""
    try:
        return sum(map(len, gzipped.parts(packed, MAX_FILE, PART)))
    except NotebookUnusable as error:
        if error.reason == TOO_LARGE:
            raise TooLarge(f"This notebook has more than {MAX_FILE // 1024**2} MiB.") from error
        raise NotFound("This save cannot be read.") from error
