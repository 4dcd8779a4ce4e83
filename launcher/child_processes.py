"""Ends child processes of an event loop, whatever of their output was not read."""

import asyncio
import os
import signal
from contextlib import suppress


def kill(process: asyncio.subprocess.Process) -> None:
    """Kill the process and its children; it leads a session of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and wait for its end; nothing else reads its output any more.

    In Python 3.11, `wait` returns after the end of the output, which is not seen as long as too
    much of it waits to be read.
    """
    kill(process)
    if process.stdout is not None:
        while await process.stdout.read(2**20):
            pass
    await process.wait()
