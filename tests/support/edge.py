"""A launcher under a real gunicorn of its own, with limits of the test's choice."""

import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import requests
from application import Gunicorn, environment
from ports import free_port
from waiting import MAX_SECONDS, wait_until

HASTY = ("hasty:app",)


@contextmanager
def serving(hub, folder, *words, before=(), environ=None, workers=1, health="/health"):
    """gunicorn with the launcher's settings; `before` is a command that runs the rest."""
    port = free_port()
    command = [*before, sys.executable, "-W", "ignore", "-m", "gunicorn"]
    command += ["-c", "python:launcher.gunicorn", "-w", str(workers), "-b", f"127.0.0.1:{port}"]
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(Path(__file__).parent)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *(words or ("launcher.serve:app",))],
            cwd=folder,
            env={**path, **environment(hub, folder), **(environ or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    served = Gunicorn(f"http://127.0.0.1:{port}", port, folder / "log", process.pid)

    def up():
        assert process.poll() is None, (folder / "log").read_text()
        return answers(served, health)

    try:
        wait_until(up, "gunicorn", 3 * MAX_SECONDS)
        yield served
    finally:
        process.terminate()
        process.wait(3 * MAX_SECONDS)


def answers(served, health="/health"):
    """Whether somebody answers there."""
    with suppress(requests.ConnectionError, requests.Timeout):
        return requests.get(f"{served.url}{health}", timeout=5).ok
    return False


def ended(wire):
    """Whether the other side closed the connection."""
    wire.setblocking(False)
    with suppress(BlockingIOError):
        try:
            return not wire.recv(65536)
        except ConnectionError:
            return True
    return False
