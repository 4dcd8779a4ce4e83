"""The folder with the logs of users' servers, which only the hub's user can read.

For each server there is a file with the output of its last start (`.log`), and one with that of the
start before (`.log.1`). For a job of a batch system there is the name of its output file (`.job`).
"""

import contextlib
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Set
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from launcher.jupyterhub import keep_output

# a file has at most twice as much, and then its older half is left out
KEPT_BYTES = 1024 * 1024
# a user may remove servers and make new ones, without an end
KEPT_PER_USER = 20
KEPT_SECONDS = 30 * 86_400.0
_SWEEP_SECONDS = 86_400.0
_MOST_NAME_CHARACTERS = 100


@dataclass(frozen=True)
class JobFile:
    """The output file of a batch job, and what stands before a command to run it as its user.

    They are empty if they are not known.
    """

    started: str
    path: str
    prefix: str


class LogFolder:
    """The logs of all servers of a hub."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._swept = 0.0
        self._keeping: list[subprocess.Popen[bytes]] = []

    def __deepcopy__(self, memo: Any) -> "LogFolder":
        """Itself: traitlets copies the values of settings."""
        return self

    def of(self, user: str, server: str) -> "ServerLog":
        """The log of one server; nothing is read."""
        return ServerLog(self, _stem(user, server))

    def prepare(self, user: str, running: "Set[str]") -> None:
        """Make the folder, and remove logs of servers that are not used any more.

        `running` has the names of the user's servers that run. Raises OSError.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        kept = {_stem(user, name) for name in running}
        mine = [log for log in self.path.glob(f"{_part(user)}@*") if log.suffix != ".1"]
        for log in sorted(mine, key=_modified)[:-KEPT_PER_USER]:
            if log.stem not in kept:
                self._remove(log.stem)

    def sweep(self, now: float) -> None:
        """Once a day, remove what no server has written to for a month."""
        if now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        for log in self.path.glob("*@*.log*"):
            if now - _modified(log) > KEPT_SECONDS:
                log.unlink(missing_ok=True)

    def keep(self, file: int, output: int) -> None:
        """Start the process that writes what it reads from `output` to the file; raises OSError."""
        self.count_keepers()
        command = [sys.executable, "-I", "-S", keep_output.__file__, str(file), str(2 * KEPT_BYTES)]
        self._keeping.append(
            subprocess.Popen(  # noqa: S603 - our own file
                command,
                stdin=output,
                pass_fds=[file],
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,
            )
        )

    def count_keepers(self) -> int:
        """The number of processes that keep an output.

        One that has ended stays a zombie until it is asked for.
        """
        self._keeping = [each for each in self._keeping if each.poll() is None]
        return len(self._keeping)

    def _remove(self, stem: str) -> None:
        for ending in (".log", ".log.1", ".job"):
            self.path.joinpath(stem + ending).unlink(missing_ok=True)


class ServerLog:
    """The log of one server."""

    def __init__(self, folder: LogFolder, stem: str) -> None:
        self.folder = folder
        self.file = folder.path / f"{stem}.log"
        self._before = folder.path / f"{stem}.log.1"
        self._job = folder.path / f"{stem}.job"

    def begin(self) -> None:
        """Put away what the last start wrote; raises OSError."""
        self._job.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.file.replace(self._before)

    def create(self) -> None:
        """Make the file of a start; raises OSError."""
        self.begin()
        self._write(self.file, keep_output.header(_now(), 0))

    @contextlib.contextmanager
    def keeping(self) -> "Iterator[int]":
        """The descriptor that a process has to write its output to; raises OSError."""
        output, written = os.pipe()
        try:
            # a program of the user may open it again, as /dev/stderr
            os.fchmod(written, 0o622)
            self._keep(output)
            yield written
        finally:
            # the server has its own now, or has not been started
            os.close(written)

    def _keep(self, output: int) -> None:
        """Start the process that reads from `output`, which is closed here."""
        try:
            file = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
            try:
                self.folder.keep(file, output)
            finally:
                os.close(file)
        finally:
            os.close(output)

    def note_job(self, path: str, prefix: str) -> None:
        """Remember the output file of a batch job; raises OSError."""
        self.begin()
        job = {"started": _now(), "path": path, "prefix": prefix}
        self._write(self._job, json.dumps(job).encode())

    def job(self) -> "JobFile | None":
        """The output file of the batch job that the server is, or was; raises OSError."""
        try:
            return JobFile(**json.loads(self._job.read_bytes()))
        except FileNotFoundError:
            return None

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        file = os.open(path, flags, 0o600)
        try:
            os.write(file, content)
        finally:
            os.close(file)


def _stem(user: str, server: str) -> str:
    """The name of the files of a server, without their endings; no two servers have the same."""
    return f"{_part(user)}@{_part(server)}"


def _part(name: str) -> str:
    """The name without `@`, or `@` and the digest of a long one."""
    quoted = quote(name, safe="")
    if len(quoted) <= _MOST_NAME_CHARACTERS:
        return quoted
    return f"@{sha256(name.encode()).hexdigest()}"


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat()  # noqa: UP017 - Python 3.10
