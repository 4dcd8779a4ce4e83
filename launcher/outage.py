"""Tells the log when something went away that the launcher needs and when it is back, once each.

Once for all workers of a master: what they know of it lies in memory that they share.
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

# what fails now and then makes a line for the whole of it, not one for every change
QUIET_SECONDS = 6.0
MOST_RECORDS = 16


class Shared:
    """Memory that processes share which are forked later: records of four numbers, all 0 at first.

    A process that is killed leaves no lock behind (fcntl(2), locks of records).
    """

    RECORD = struct.Struct("4d")

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("launcher-shared")
        os.ftruncate(self._descriptor, MOST_RECORDS * self.RECORD.size)
        self._memory = mmap.mmap(self._descriptor, MOST_RECORDS * self.RECORD.size)
        self._next = iter(range(0, len(self._memory), self.RECORD.size))

    def record(self) -> "Record":
        """Another record; to be asked for before the processes are forked."""
        return Record(self._memory, self._descriptor, next(self._next))


class Record:
    """Four numbers in shared memory."""

    def __init__(self, memory: mmap.mmap, descriptor: int, offset: int) -> None:
        self._memory = memory
        self._descriptor = descriptor
        self._offset = offset

    def read(self) -> tuple[float, float, float, float]:
        """The numbers as they are."""
        return Shared.RECORD.unpack_from(self._memory, self._offset)

    def write(self, *numbers: float) -> None:
        """Change them; under `alone` where it depends on what they were."""
        Shared.RECORD.pack_into(self._memory, self._offset, *numbers)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out for a moment."""
        where = (Shared.RECORD.size, self._offset)
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, *where)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, *where)


class Outage:
    """Whether something can be used, as the processes found it."""

    def __init__(self, what: str, record: Record | None = None) -> None:
        """`what` is its name in the log; without a `record` this process speaks for itself."""
        self._what = what
        self._record = record or Shared().record()

    def failed(self, reason: str, *, writing: bool = True) -> None:
        """Take note that it could not be used; `reason` is for the log."""
        with self._record.alone():
            now = time.monotonic()
            since, _, reads_too, _ = self._record.read()
            # a database that is full can be read
            self._record.write(since or now, now, (not since or reads_too) and not writing, 0)
        if not since:
            log.error(f"{self._what} cannot be used", extra={"reason": reason})

    def succeeded(self, *, writing: bool = True) -> None:
        """Take note that it was used."""
        if not self._record.read()[0]:
            return
        with self._record.alone():
            now = time.monotonic()
            since, last_failure, reads_too, _ = self._record.read()
            if not since or now - last_failure < QUIET_SECONDS or not (writing or reads_too):
                return
            self._record.write(0, 0, 0, 0)
        extra = {"seconds": round(now - since, 1)}
        log.warning(f"{self._what} can be used again", extra=extra)
