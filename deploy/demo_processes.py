"""The processes of the demo, all of which end with it (on Linux even if it is killed)."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil
from install import step

STOP_SECONDS = 30
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    """Let `handler` have every signal that ends the demo."""
    for number in ENDING:
        signal.signal(number, handler)


def end(_number: int, _frame: FrameType | None) -> None:
    """The first signal: stop."""
    on_signals(hurry)
    raise KeyboardInterrupt


def hurry(_number: int, _frame: FrameType | None) -> None:
    """Another one: do not wait for anything."""
    kill(psutil.Process().children(recursive=True))


def start(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process in the log's folder and in a session of its own: Ctrl-C reaches it through us."""
    with log.open("w") as output:
        return subprocess.Popen(
            command,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )


def adopt_orphans() -> None:
    """Become the parent of every process below us whose own parent ends (Linux, prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_parent() -> None:
    """Have the process end in its own way even when we are killed (Linux, prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has ended; no other child that ends meanwhile stays a zombie."""
    while os.wait()[0] != process.pid:
        pass


def stop_everything() -> None:
    """Let the hub stop what it started, then end what is left."""
    on_signals(hurry)
    us = psutil.Process()
    known = us.children(recursive=True)
    if not known:
        return
    for child in us.children():
        child.terminate()
    # OSError: there is no terminal any more to say it to
    with suppress(OSError), step("Stopping …"):
        psutil.wait_procs(us.children(), timeout=STOP_SECONDS)
    while left := [p for p in {*known, *us.children(recursive=True)} if p.is_running()]:
        kill(left)
        psutil.wait_procs(left, timeout=5)


def kill(processes: list[psutil.Process]) -> None:
    """End processes at once."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
