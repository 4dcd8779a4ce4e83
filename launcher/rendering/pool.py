"""The rendering processes of one worker: starts, asks and ends them."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from launcher import child_processes
from launcher.errors import RenderingBusy, RenderingFailed
from launcher.rendering import frames
from launcher.rendering.failures import TOO_LONG, sentence
from launcher.rendering.limits import (
    MAX_AT_ONCE,
    MAX_HTML,
    SECONDS,
    START_SECONDS,
    WAIT_SECONDS,
)

log = logging.getLogger(__name__)

# of the rendering process; it must not know the launcher's secrets
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
_PROGRAM = "launcher.rendering.process"


class _ProcessDied(Exception):
    """A rendering process ended without an answer."""


class ProcessPool:
    """The rendering processes of one worker.

    They are started when they are needed, end after `idle_seconds` without a notebook, and are
    ended by `close`.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._free: list[asyncio.subprocess.Process] = []
        self._all: set[asyncio.subprocess.Process] = set()
        self._starting: set[asyncio.Task[asyncio.subprocess.Process]] = set()
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._closed = False

    async def ask(self, message: bytes) -> frames.Frame:
        """The answer of a process; raises RenderingFailed, RenderingBusy."""
        async with self._slot():
            try:
                return await self._ask(message)
            except _ProcessDied:
                # it ended just now, because it was idle, or because the machine had no memory left
                return await self._ask_again(message)

    async def close(self) -> None:
        """End all processes; nothing is answered afterwards."""
        self._closed = True
        if self._starting:
            await asyncio.wait(self._starting)
        running = [each for each in self._all if each.returncode is None]
        for process in running:
            # who waits for its answer reads its output to the end
            child_processes.kill(process)
        await asyncio.gather(*(each.wait() for each in running))

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            raise RenderingBusy(
                "Many notebooks are being rendered. Try again in a minute.", retry_after=30
            ) from error
        try:
            yield
        finally:
            self._slots.release()

    async def _ask_again(self, message: bytes) -> frames.Frame:
        """The answer of another process; raises RenderingFailed, RenderingBusy."""
        try:
            return await self._ask(message)
        except _ProcessDied as error:
            raise RenderingBusy(
                "The process that renders notebooks has ended. Try again later.", retry_after=30
            ) from error

    async def _ask(self, message: bytes) -> frames.Frame:
        """The answer of a process; raises RenderingFailed, _ProcessDied."""
        async with self._process() as process:
            assert process.stdin is not None  # noqa: S101 - a pipe
            try:
                # the process has a time limit of its own; this one is for when it is stuck
                async with asyncio.timeout(SECONDS + 5):
                    process.stdin.write(message)
                    await process.stdin.drain()
                    return await _read(process)
            except TimeoutError as error:
                raise RenderingFailed(sentence(TOO_LONG.encode())) from error
            except (OSError, asyncio.IncompleteReadError) as error:
                raise _ProcessDied from error

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A process for one notebook; one that did not answer is ended."""
        process = self._idle() or await self._start()
        answered = False
        try:
            yield process
            answered = True
        finally:
            if answered and process.returncode is None and not self._closed:
                self._free.append(process)
            else:
                await asyncio.shield(self._end(process))

    def _idle(self) -> asyncio.subprocess.Process | None:
        """A process that waits for a notebook, if there is one."""
        while self._free:
            process = self._free.pop()
            if process.returncode is None:
                return process
            # not ended with `_end`: its id may be that of another process by now
            self._all.discard(process)
        return None

    async def _start(self) -> asyncio.subprocess.Process:
        if self._closed:
            raise RenderingBusy("The launcher is stopping.", retry_after=30)
        starting = asyncio.ensure_future(self._started())
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # a start cannot be given up halfway: the process is for the next notebook
            await asyncio.wait([starting])
            if not starting.cancelled() and not starting.exception():
                self._free.append(starting.result())
            raise

    async def _started(self) -> asyncio.subprocess.Process:
        """A new process, once it waits for a notebook; raises _ProcessDied."""
        try:
            process = await self._created()
        except OSError as error:
            log.error("no notebook can be shown: no process can be started: %s", error)
            raise _ProcessDied from error
        self._all.add(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await _read(process)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            log.error("no notebook can be shown: `python -I -m %s 60` does not start", _PROGRAM)
            await self._end(process)
            raise _ProcessDied from error
        return process

    async def _created(self) -> asyncio.subprocess.Process:
        """A new process; raises OSError if the machine has no memory or no files left."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", _PROGRAM, str(self._idle_seconds)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """End a process and its child."""
        self._all.discard(process)
        await child_processes.end(process)


async def _read(process: asyncio.subprocess.Process) -> frames.Frame:
    """The next message; raises IncompleteReadError, OSError."""
    assert process.stdout is not None  # noqa: S101 - a pipe
    head = await process.stdout.readexactly(frames.HEADER.size)
    kind, length = frames.HEADER.unpack(head)
    if length > MAX_HTML:
        raise OSError("the rendering process sent too much")
    content: bytes = await process.stdout.readexactly(length)
    return frames.Frame(kind, content)
