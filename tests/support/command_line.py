"""Runs `launcher` as a user does: with a launcher's address and a token, also on a terminal."""

import os
import pty
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass

from click.testing import CliRunner

from launcher.cli import main

COMMAND = [sys.executable, "-m", "launcher"]
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit status."""

    status: int
    output: str
    error: str


@dataclass(frozen=True)
class User:
    """Somebody with a token of the hub."""

    url: str
    token: str

    @property
    def environment(self):
        return {"LAUNCHER_URL": self.url, "LAUNCHER_TOKEN": self.token}

    def run(self, *words, **environ):
        """A command in this process, whose output is no terminal."""
        env = {"LAUNCHER_CA_FILE": None, **self.environment, **environ}
        done = CliRunner().invoke(main, list(words), env=env)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return Done(done.exit_code, done.stdout, done.stderr)

    def on_terminal(self, *words, columns=80, **environ):
        """A command on a terminal of that width."""
        return OnTerminal(words, columns, {**self.environment, **environ})

    def process(self, *words):
        """A command as a process with pipes."""
        return subprocess.Popen(
            [*COMMAND, *words],
            env={"PATH": PATH, "PYTHONUNBUFFERED": "1", **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


class OnTerminal:
    """A command that runs on a terminal of its own."""

    def __init__(self, words, columns, environ):
        self._terminal, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, columns))
        self._process = subprocess.Popen(
            [*COMMAND, *words],
            env={"PATH": PATH, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._printed = b""

    @property
    def output(self):
        """What it has printed."""
        return self._printed.decode(errors="replace")

    def wait_for(self, text):
        """Read until the command has printed the text."""
        while text not in self.output:
            assert self._read(), f"no {text!r} in {self.output!r}"

    def interrupt(self):
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self):
        """All that it printed, and its exit status."""
        while self._read():
            pass
        os.close(self._terminal)
        return Done(self._process.wait(), self.output, "")

    def _read(self):
        with suppress(OSError):  # EIO: the command has ended (pty(7))
            found = os.read(self._terminal, 65536)
            self._printed += found
            return bool(found)
        return False
