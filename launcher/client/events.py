"""The events of a launch (server-sent events, HTML Living Standard), with reconnection."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from launcher.client.errors import UnexpectedAnswer, Unreachable
from launcher.client.repeating import Repeating
from launcher.client.transport import Transport

# something comes every 15 s, if only a comment
SILENCE_SECONDS = 45.0
MAX_EVENT_BYTES = 2**20


@dataclass(frozen=True)
class Event:
    """An event of a launch.

    Attributes:
        name: `state`, `queue`, `progress` or, for the last one, `end`. Before these, methods with
            `on_event` report `launch`.
        data: The data of the event. That of `launch` and `end` is the launch.
    """

    name: str
    data: dict[str, Any]


def follow(
    transport: Transport, launch_id: str, user: str | None, until: float = float("inf")
) -> Iterator[Event]:
    """Iterate over the events of a launch until `end`; raises ClientError.

    Raises Unreachable when the monotonic clock reaches `until`.
    """
    parser = _Parser()
    repeating = Repeating(until)
    while True:
        with (
            repeating,
            transport.stream(
                "launches",
                launch_id,
                "events",
                query={"user": user},
                headers={"Last-Event-ID": parser.last_id},
                seconds=min(SILENCE_SECONDS, max(0.1, until - time.monotonic())),
            ) as chunks,
        ):
            if chunks is None:
                return
            parser.begin()
            for chunk in chunks:
                repeating.begin()
                if time.monotonic() >= until:
                    raise Unreachable("The launch has not ended in the time to follow its events.")
                for event in parser.events(chunk):
                    yield event
                    if event.name == "end":
                        return
            raise Unreachable("The stream of events ended before the launch did.")


@dataclass
class _Parser:
    """Parses chunks of bytes, of any length, into events."""

    last_id: str | None = None
    _rest: bytes = b""
    _fields: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Discard the incomplete event of a broken stream."""
        self._rest, self._fields = b"", {}

    def events(self, chunk: bytes) -> Iterator[Event]:
        """Return the events that these bytes complete."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise UnexpectedAnswer(f"An event has more than {MAX_EVENT_BYTES} bytes.")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            name, _, value = text.partition(":")
            if name:  # a line that begins with a colon is a comment
                self._fields[name] = value.removeprefix(" ")
            elif not text and "data" in self._fields:
                yield self._event()

    def _event(self) -> Event:
        fields, self._fields = self._fields, {}
        try:
            data = json.loads(fields["data"])
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise UnexpectedAnswer("The stream contains an event that is not valid.")
        self.last_id = fields.get("id", self.last_id)
        return Event(fields.get("event", "message"), data)
