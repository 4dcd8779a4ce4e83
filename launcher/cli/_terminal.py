"""What commands print: text that cannot control the terminal, and the progress of a launch."""

import io
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from launcher.launch_states import STATES_OF_PROJECT

if TYPE_CHECKING:
    from launcher.client import Event

SPINNER_WIDTH = 2


def prepare() -> None:
    """Have characters that stdout and stderr cannot show replaced by a `?`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def plain(text: object) -> str:
    """The text of another program without what controls a terminal, and without secrets."""
    from launcher import log_text

    return "\n".join(log_text.cleaned(str(text).splitlines()))


def one_line(text: object) -> str:
    """The same on one line."""
    return " ".join(plain(text).split())


def url(text: str) -> str:
    """The URL with everything quoted that is not visible ASCII."""
    from urllib.parse import quote

    return quote(text, safe="".join(map(chr, range(0x21, 0x7F))))


def name_of(server: object) -> str:
    """The name of a server, as it is written in a command."""
    return one_line(server) or '""'


class Progress:
    """Shows on stderr how far a launch is: a line that changes, or else a line for each message.

    The line is removed at the end of the block.
    """

    def __init__(self, first: str) -> None:
        """Begin with the message `first`."""
        self._text = first
        self._status: Any = None
        self.server: str | None = None
        """The name of the server, as soon as there is a launch."""

    def __enter__(self) -> "Progress":
        """Begin to show it."""
        if sys.stderr.isatty():
            self._status = _status()
        if self._status:
            self._status.start()
        self._show(self._text)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the line that changes."""
        if self._status:
            self._status.stop()

    def report(self, event: "Event") -> None:
        """Show an event of the launch."""
        if event.name == "launch":
            self.server = str(event.data.get("server", ""))
            return  # its events begin with its states
        text = one_line(_words(event))
        if text and text != self._text:
            self._show(text)

    def _show(self, text: str) -> None:
        self._text = text
        if not self._status:
            click.echo(text, err=True)
            return
        from rich.text import Text

        line = Text(text)
        line.truncate(self._status.console.width - SPINNER_WIDTH, overflow="ellipsis")
        self._status.update(line)


def _status() -> Any:
    """A line with a spinner; None on a terminal that cannot change a line."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.status("") if console.is_terminal and not console.is_dumb_terminal else None


def _words(event: "Event") -> object:
    """What an event says to a person, or nothing."""
    if event.name == "queue" and event.data.get("position"):
        return f"{STATES_OF_PROJECT['queued']}: number {event.data['position']} in the queue"
    if event.name == "progress":
        return event.data.get("message", "")
    return STATES_OF_PROJECT.get(str(event.data.get("state")), "") if event.name == "state" else ""
