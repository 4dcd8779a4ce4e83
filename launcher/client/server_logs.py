"""The logs of servers: their last lines, and new ones as they come."""

import time
from collections.abc import Iterator

from launcher.client.answers import Answer
from launcher.client.repeating import PAUSES, Repeating
from launcher.client.transport import Transport

POLL_SECONDS = 2.0
# who follows a log waits longer for a launcher that is away: two minutes
PATIENCE = (*PAUSES, *(8.0 for _ in range(13)))


def last(transport: Transport, name: str, max_lines: int, after: str = "") -> Answer:
    """Return the last lines, or those after a position; raises ClientError."""
    path = ("logs", name) if name else ("log",)
    query = {"max_lines": str(max_lines), "after": after or None}
    return transport.call("GET", *path, query=query, fields={200: list})


def follow(transport: Transport, name: str, max_lines: int) -> Iterator[str]:
    """Iterate over the last lines and over those that are written later; raises ClientError.

    A launcher that is away is waited for, for about two minutes.
    """
    repeating, after = Repeating(pauses=PATIENCE), ""
    while True:
        with repeating:
            answer = last(transport, name, max_lines, after)
            repeating.begin()
            after = answer.position
            yield from map(str, answer.items)
            if len(answer.items) < max_lines:
                time.sleep(POLL_SECONDS)
