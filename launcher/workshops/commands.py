"""Runs the command that a site has for events, with bounds on its time and output."""

import asyncio
import errno
import json
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from io import FileIO
from typing import Any

from launcher import child_processes
from launcher.store.event_deliveries import EventDelivery
from launcher.workshops.reactions import MOST_AT_ONCE, ON_EVENT, about, last_lines

log = logging.getLogger("launcher")

# of its stderr; the rest is read and dropped
MOST_KEPT = 64 * 2**10
# for the end of killed processes, and of the output of those that left the process group
END_SECONDS = 2.0
_FIELDS = ("type", "user", "filename", "path", "id")
# too many files or processes, or too little memory
_TEMPORARY = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
RETRY_SECONDS = 30.0


class OnEventCommand:
    """The command of `c.Launcher.on_event`."""

    target = name = ON_EVENT
    # one is usual: more are after deaths of workers
    most_attempts = 5

    def __init__(self, arguments: Sequence[str], *, path: str, home: str, seconds: float) -> None:
        """`path` and `home` are variables of its environment, `seconds` how long it may take."""
        self._arguments = tuple(arguments)
        # the launcher's own environment holds secrets
        self._environment = {"PATH": path, "HOME": home, "LANG": "C.UTF-8"}
        self._seconds = seconds

    def wants(self, event_type: str) -> bool:
        """It gets all events."""
        return True

    def limit(self) -> int:
        """Always the same: a command that takes too long is ended."""
        return MOST_AT_ONCE

    async def attempt(self, delivery: EventDelivery) -> float | None:
        """Run the command to its end. A failure is logged; it is repeated only without a start."""
        stderr = _Tail()
        try:
            async with asyncio.timeout(self._seconds):
                reason = _failure(await self._run(delivery.event, stderr))
        except TimeoutError:
            reason = f"it took longer than {self._seconds:g} s"
        except OSError as error:
            if error.errno in _TEMPORARY:
                return RETRY_SECONDS
            reason = f"it cannot be started ({error.strerror})"
        if reason:
            found = {"reason": reason, "stderr": last_lines(stderr.text())}
            log.warning("on_event failed", extra={**about(delivery), **found})
        return None

    async def _run(self, event: Mapping[str, Any], stderr: "_Tail") -> int:
        """The exit status; nothing of the process group is left then. Raises OSError."""
        async with _pipe_to(stderr) as errors:
            with _line(event) as line:
                process = await asyncio.create_subprocess_exec(
                    *self._arguments,
                    stdin=line,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=errors,
                    env=self._environment | _variables(event),
                    cwd="/",
                    start_new_session=True,
                )
            errors.close()
            try:
                return await process.wait()
            finally:
                child_processes.kill(process)
                await asyncio.shield(_ended(process, stderr))


class _Tail(asyncio.Protocol):
    """Keeps the last bytes of a pipe."""

    def __init__(self) -> None:
        self._kept = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-MOST_KEPT:]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()

    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")


@asynccontextmanager
async def _pipe_to(protocol: asyncio.Protocol) -> AsyncIterator[FileIO]:
    """The end of a pipe for a child process; the protocol gets what is written to it.

    A pipe of a subprocess of asyncio would stay open as long as any process has the other end.
    """
    reading, writing = (FileIO(end, mode) for end, mode in zip(os.pipe(), "rw", strict=True))
    with writing:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: protocol, reading)
        try:
            yield writing
        finally:
            transport.close()


def _line(event: Mapping[str, Any]) -> FileIO:
    """The event as one line of JSON, in a file in memory: nobody has to write while it is read."""
    file = FileIO(os.memfd_create("launcher-event"), "r+")
    file.write(json.dumps(event).encode("ascii") + b"\n")
    file.seek(0)
    return file


def _variables(event: Mapping[str, Any]) -> dict[str, str]:
    """The fields of an event in the environment, which holds no NUL."""
    return {
        f"LAUNCHER_EVENT_{name.upper()}": str(event[name]).replace("\0", "\ufffd")
        for name in _FIELDS
    }


def _failure(code: int) -> str:
    """What an exit status means; '' for success."""
    if code < 0:
        return f"it was ended by signal {-code}"
    return f"exit status {code}" if code else ""


async def _ended(process: asyncio.subprocess.Process, stderr: _Tail) -> None:
    """Wait for the end of a process that was killed, and of its output."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
            await stderr.ended.wait()
