"""Logs the begin and the end of outages, such as of the hub or the database, once each.

The state is in memory that all workers of a master share, so that one of them logs it.
"""

import fcntl
import logging
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("launcher")

# an outage ends after so many seconds without a failure: intermittent failures are one outage
QUIET_SECONDS = 6.0
MOST_RECORDS = 16


class SharedMemory:
    """Memory shared with processes that are forked later: records of four numbers, initially 0.

    The kernel releases the locks of a process that is killed (fcntl(2), record locks).
    """

    RECORD = struct.Struct("4d")

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("launcher-shared")
        os.ftruncate(self._descriptor, MOST_RECORDS * self.RECORD.size)
        self._memory = mmap.mmap(self._descriptor, MOST_RECORDS * self.RECORD.size)
        self._next = iter(range(0, len(self._memory), self.RECORD.size))

    def allocate(self) -> "SharedRecord":
        """Allocate a record; to be called before the processes are forked."""
        return SharedRecord(self._memory, self._descriptor, next(self._next))


class SharedRecord:
    """Four numbers in shared memory."""

    def __init__(self, memory: mmap.mmap, descriptor: int, offset: int) -> None:
        self._memory = memory
        self._descriptor = descriptor
        self._offset = offset

    def read(self) -> tuple[float, float, float, float]:
        """The four numbers."""
        return SharedMemory.RECORD.unpack_from(self._memory, self._offset)

    def write(self, *numbers: float) -> None:
        """Replace the numbers; under `locked` if the new ones depend on the old ones."""
        SharedMemory.RECORD.pack_into(self._memory, self._offset, *numbers)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the record against other processes."""
        where = (SharedMemory.RECORD.size, self._offset)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, *where)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, *where)


class Outage:
    """Whether a service that the launcher needs is available, as the workers observed it."""

    def __init__(self, what: str, record: SharedRecord | None = None) -> None:
        """`what` is the service's name in the log; without a `record` no state is shared."""
        self._what = what
        self._record = record or SharedMemory().allocate()

    def failed(self, reason: str, *, writing: bool = True) -> None:
        """Record a failure; logs the first one of an outage, with its `reason`."""
        with self._record.locked():
            now = time.monotonic()
            since, _, reads_too, _ = self._record.read()
            # a database whose disk is full can still be read
            self._record.write(since or now, now, (not since or reads_too) and not writing, 0)
        if not since:
            log.error(f"{self._what} cannot be used", extra={"reason": reason})

    def succeeded(self, *, writing: bool = True) -> None:
        """Record a success; logs the end of an outage."""
        if not self._record.read()[0]:
            return
        with self._record.locked():
            now = time.monotonic()
            since, last_failure, reads_too, _ = self._record.read()
            if not since or now - last_failure < QUIET_SECONDS or not (writing or reads_too):
                return
            self._record.write(0, 0, 0, 0)
        extra = {"seconds": round(now - since, 1)}
        log.warning(f"{self._what} can be used again", extra=extra)
