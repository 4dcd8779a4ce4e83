"""The files in which worker processes count together.

prometheus_client maps sparse files into memory. On a disk without space, the process that writes to
such a map is killed (SIGBUS). Here a file gets its blocks before anything is written to the map; a
process that finds no space counts in memory, for itself alone.
"""

import logging
import os
from contextlib import suppress

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

log = logging.getLogger("launcher")

# what prometheus_client begins with; it doubles a file that is full
FIRST_BYTES = 1 << 16
# a value's key, its length, padding and two numbers; more than any of ours takes
MOST_BYTES = 1 << 12

_alone = 0  # the process that found no space


def counts_alone() -> bool:
    """Whether this process found no space, so that the files do not hold what it counts."""
    return _alone == os.getpid()


class AllocatedDict(MmapedDict):
    """prometheus_client's file of numbers, with blocks on the disk for all that is mapped."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            filename = _allocated(filename)
        super().__init__(filename, read_mode)

    def _init_value(self, key: str) -> None:
        if self._used + len(key) + MOST_BYTES > self._capacity:
            self._grow()
        super()._init_value(key)

    def _grow(self) -> None:
        """Make room for as much again, before prometheus_client maps it."""
        try:
            os.posix_fallocate(self._f.fileno(), self._capacity, self._capacity)
        except OSError as error:
            held = bytes(self._m)
            self.close()
            super().__init__(_in_memory(error, held))


def _allocated(filename: str) -> str:
    """The file, with blocks; or another one, in memory, when there is no space for them."""
    try:
        with open(filename, "ab") as file:
            os.posix_fallocate(file.fileno(), 0, max(FIRST_BYTES, file.tell()))
    except OSError as error:
        with suppress(OSError):
            # whoever adds the files up does not take an empty one
            if not os.stat(filename).st_size:
                os.unlink(filename)
        return _in_memory(error, bytes(FIRST_BYTES))
    return filename


def _in_memory(error: OSError, content: bytes) -> str:
    global _alone
    if not counts_alone():
        _alone = os.getpid()
        reason = f"{type(error).__name__}: {error.strerror}"
        log.warning("metrics are counted in this process alone", extra={"reason": reason})
    # kept open: the path is good for as long as this is
    descriptor = os.memfd_create("launcher-metrics")
    os.write(descriptor, content)
    return f"/proc/self/fd/{descriptor}"


def install() -> None:
    """Have prometheus_client use such files; to be called before anything is counted."""
    values.MmapedDict = AllocatedDict  # type: ignore[misc]
