"""The files in which all workers count metrics.

prometheus_client maps sparse files into memory. If the disk is full, a process that writes to such
a map is killed (SIGBUS). Here the blocks are allocated before the file is mapped; a process that
finds no space counts in memory, without the others.
"""

import logging
import os
from contextlib import suppress

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

log = logging.getLogger("launcher")

# the initial size in prometheus_client, which doubles a file that is full
FIRST_BYTES = 1 << 16
# the maximum size of an entry: key, length, padding and two numbers
MOST_BYTES = 1 << 12

_pid_in_memory = 0  # the id of the process if it counts in memory; a forked one does not


def counts_in_memory() -> bool:
    """Whether this process counts in memory, because it found no disk space."""
    return _pid_in_memory == os.getpid()


class AllocatedDict(MmapedDict):
    """prometheus_client's file of values, with allocated blocks for the whole map."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            filename = _allocated(filename)
        super().__init__(filename, read_mode)

    def _init_value(self, key: str) -> None:
        if self._used + len(key) + MOST_BYTES > self._capacity:
            self._grow()
        super()._init_value(key)

    def _grow(self) -> None:
        """Double the file before prometheus_client maps it."""
        try:
            os.posix_fallocate(self._f.fileno(), self._capacity, self._capacity)
        except OSError as error:
            content = bytes(self._m)
            self.close()
            super().__init__(_in_memory(error, content))


def _allocated(filename: str) -> str:
    """Allocate the file's blocks; returns its path, or that of a file in memory without space."""
    try:
        with open(filename, "ab") as file:
            os.posix_fallocate(file.fileno(), 0, max(FIRST_BYTES, file.tell()))
    except OSError as error:
        with suppress(OSError):
            # prometheus_client cannot read an empty file
            if not os.stat(filename).st_size:
                os.unlink(filename)
        return _in_memory(error, bytes(FIRST_BYTES))
    return filename


def _in_memory(error: OSError, content: bytes) -> str:
    global _pid_in_memory
    if not counts_in_memory():
        _pid_in_memory = os.getpid()
        reason = f"{type(error).__name__}: {error.strerror}"
        log.warning("metrics are counted in memory", extra={"reason": reason})
    # not closed: the path is valid for as long as the descriptor is open
    descriptor = os.memfd_create("launcher-metrics")
    os.write(descriptor, content)
    return f"/proc/self/fd/{descriptor}"


def install() -> None:
    """Make prometheus_client use AllocatedDict; to be called before anything is counted."""
    values.MmapedDict = AllocatedDict  # type: ignore[misc]
