"""Writes the output of one user's server to a file of bounded size; it runs as a process.

    python -I -S keep_output.py FILE MOST

FILE is the number of an open file. The output is the standard input. It also goes to the standard
error, which is the hub's. The process ends when the server has ended, and outlives the hub: a
server whose output nobody reads would block, or fail.

The first line of the file says when the server was started, and how many bytes of its output were
left out. If the file would have more than MOST bytes, the older half of it is left out.
"""

import contextlib
import fcntl
import os
import re
import select
import signal
import sys
from collections.abc import Iterator

CHUNK_BYTES = 64 * 1024
# a reader needs the end of a line sooner or later
MOST_LINE_BYTES = 16 * 1024
# the files of servers that do not run get old
TOUCH_SECONDS = 86_400.0
HEADER = re.compile(rb"# started (\S+), bytes left out: ([0-9]+)\n")


def header(started: str, left_out: int) -> bytes:
    """The first line of a file."""
    return f"# started {started}, bytes left out: {left_out}\n".encode()


class OutputFile:
    """A file with the end of an output."""

    def __init__(self, file: int, most: int) -> None:
        """`file` is open for reading and appending, and has its first line."""
        self._file = file
        self._most = most
        self._size = os.fstat(file).st_size
        found = HEADER.match(os.pread(file, 200, 0))
        self._started = found[1].decode() if found else "unknown"
        self._left_out = 0
        self._column = 0

    def write(self, data: bytes) -> None:
        """Append the data; what does not fit on the disk is left out."""
        data = self._broken(data)
        with contextlib.suppress(OSError):
            if self._size + len(data) > self._most:
                self._shorten()
            self._size += os.write(self._file, data)

    def end(self) -> None:
        """End the last line."""
        if self._column:
            self.write(b"\n")

    def touch(self) -> None:
        """Mark the file as one that is in use."""
        with contextlib.suppress(OSError):
            os.utime(self._file)

    def _broken(self, data: bytes) -> bytes:
        """The data, with a line break if the line is too long."""
        last = data.rfind(b"\n")
        self._column = self._column + len(data) if last < 0 else len(data) - last - 1
        if self._column > MOST_LINE_BYTES:
            self._column = 0
            return data + b"\n"
        return data

    def _shorten(self) -> None:
        """Leave out the older half of the file, and the rest of a line."""
        with locked(self._file, fcntl.LOCK_EX):
            found = HEADER.match(os.pread(self._file, 200, 0))
            begin = found.end() if found else 0
            tail = os.pread(self._file, self._most // 2, max(begin, self._size - self._most // 2))
            tail = tail[tail.find(b"\n") + 1 :]
            self._left_out += self._size - begin - len(tail)
            os.ftruncate(self._file, 0)
            self._size = os.write(self._file, header(self._started, self._left_out) + tail)


@contextlib.contextmanager
def locked(file: int, kind: int) -> Iterator[None]:
    """Lock the file, which only processes of the hub's user can open."""
    fcntl.flock(file, kind)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def main(number: int, most: int) -> None:
    """Copy the standard input until its end."""
    # as the rest of a service that is stopped: the last lines of the server come after the signal
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    file = OutputFile(number, most)
    has_console = True
    while True:
        if not select.select([0], [], [], TOUCH_SECONDS)[0]:
            file.touch()
            continue
        data = os.read(0, CHUNK_BYTES)
        if not data:
            file.end()
            return
        file.write(data)
        has_console = has_console and _shown(data)


def _shown(data: bytes) -> bool:
    """Write the data to the hub's console; False if that has gone."""
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
