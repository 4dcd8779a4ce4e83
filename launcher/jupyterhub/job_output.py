"""The output file of a batch job: which one the job's script names, and its content.

The file is in the user's hands, who may replace it with a link to anything. So it is read as that
user, in the way in which batchspawner submits the job (`exec_prefix`).
"""

import asyncio
import contextlib
import os
import re
import shlex
import signal
from asyncio.subprocess import PIPE, Process

READ_SECONDS = 10.0

_DIRECTIVE = re.compile(r"#(?:SBATCH|PBS|BSUB|\$)[ \t]+(.*)")
_NAMED = (
    # servers write their log to the standard error
    re.compile(r"(?:^|\s)(?:-e\s*|--error[= ])(\S+)"),
    re.compile(r"(?:^|\s)(?:-o\s*|--output[= ])(\S+)"),
)
_JOB_ID = re.compile(r"%[jJA]|\$\{?(?:PBS_JOBID|JOB_ID)\}?")


_SILENT = "The output file of the job cannot be read: it does not respond."


class Unreadable(Exception):
    """The job's output cannot be read; the message is a sentence."""


def named_in(script: str, job_id: str, user: str) -> str:
    """The file with the job's errors, or else its output; '' if the script names no whole path."""
    directives = [found[1] for found in map(_DIRECTIVE.fullmatch, script.splitlines()) if found]
    for pattern in _NAMED:
        for found in filter(None, map(pattern.search, directives)):
            path = _JOB_ID.sub(job_id, found[1].strip("'\"")).replace("%u", user)
            # %x, %N and others are not known here
            return path if path.startswith("/") and not re.search(r"[%$]", path) else ""
    return ""


class JobReader:
    """Reads the output files of jobs, each by one process at a time."""

    def __init__(self, seconds: float = READ_SECONDS) -> None:
        """A file that cannot be read within `seconds` is given up."""
        self._seconds = seconds
        self._locks: dict[str, asyncio.Lock] = {}
        self._stuck: dict[str, Process] = {}

    async def size(self, path: str, prefix: str) -> int:
        """The size of the file, 0 if there is none yet; raises Unreadable."""
        said = await self._run(path, f"{prefix} wc -c {shlex.quote(path)}", 1000)
        found = re.search(rb"(?m)^\s*([0-9]+)\s", said)
        return int(found[1]) if found else 0

    async def read(self, path: str, prefix: str, begin: int, most: int) -> bytes:
        """At most that many bytes of the file; raises Unreadable."""
        command = f"{prefix} tail -c +{begin + 1} {shlex.quote(path)}"
        return await self._run(path, command, most)

    async def _run(self, path: str, command: str, most: int) -> bytes:
        lock = self._locks.setdefault(path, asyncio.Lock())
        try:
            async with lock:
                return await self._run_alone(path, command, most)
        finally:
            if not lock.locked():
                self._locks.pop(path, None)

    async def _run_alone(self, path: str, command: str, most: int) -> bytes:
        if path in self._stuck and self._stuck[path].returncode is None:
            raise Unreadable(_SILENT)
        self._stuck.pop(path, None)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        process = await asyncio.create_subprocess_shell(
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
            start_new_session=True,
        )
        try:
            return await asyncio.wait_for(_output(process, most), self._seconds)
        except asyncio.TimeoutError:  # noqa: UP041 - another class in Python 3.10
            # such as a named pipe; a process that sudo has started may not be ended by us
            self._stuck[path] = process
            raise Unreadable(_SILENT) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)


async def _output(process: Process, most: int) -> bytes:
    """What the command writes; raises Unreadable if it fails."""
    assert process.stdout  # noqa: S101 - a pipe
    assert process.stderr  # noqa: S101
    data = bytearray()
    while len(data) < most and (chunk := await process.stdout.read(most - len(data))):
        data += chunk
    if len(data) >= most:
        return bytes(data)
    said = (await process.stderr.read(2000)).decode("utf-8", "replace")
    if await process.wait() == 0 or "No such file" in said:
        return bytes(data)
    raise Unreadable(
        "The hub may not read the output file of the job. Its administrator can let it run wc and"
        " tail as the users, as it runs sbatch (sudoers)."
    )
