"""Programs that tests start, and end again."""

import contextlib
import os
import signal
import subprocess

import requests
from waiting import wait_until

DEAD_SECONDS = 15


def answers(url, **kwargs):
    """Whether anybody answers at `url`, with no server error."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=5, **kwargs).status_code < 500
    return False


class Process:
    """A program with its output in a file, and no child that survives it."""

    def __init__(self, command, folder, name, env):
        self.command, self.folder, self.name, self.env = command, folder, name, env
        self.log = folder / f"{name}.log"
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.env},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, url, **kwargs):
        def up():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended:\n{self.log.read_text()[-3000:]}")
            return answers(url, **kwargs)

        wait_until(up, what=f"{self.name} at {url}")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(DEAD_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            # gunicorn's workers outlive a SIGKILL by seconds, and answer at its port meanwhile
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
