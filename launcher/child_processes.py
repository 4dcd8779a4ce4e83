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
    """Kill the process and its children, and wait for their end; nothing else reads their output.

    The output has ended when all of them have, which `wait` alone does not wait for; in Python 3.11
    it waits forever if too much of the output is left to be read.
    """
    kill(process)
    for stream in (process.stdout, process.stderr):
        while stream is not None and await stream.read(2**20):
            pass
    await process.wait()
