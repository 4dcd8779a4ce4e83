"""What happens on an event: the interface of commands, functions and webhooks."""

from collections.abc import Iterable
from typing import Protocol

from launcher import log_text
from launcher.store.event_deliveries import EventDelivery

ON_EVENT = "on_event"
"""The target of the command or the function; a site has one of them at most."""
MOST_AT_ONCE = 2
"""Commands and functions of one worker."""
_MOST_LINES = 10
# lines of the log that are longer than PIPE_BUF may be interleaved in a shared pipe
_MOST_CHARACTERS = 200


class Reaction(Protocol):
    """Something that happens on events of some types."""

    target: str
    """Identifies it in the database."""
    name: str
    """In the log."""
    most_attempts: int

    def wants(self, event_type: str) -> bool:
        """Whether it happens on events of this type."""

    def limit(self) -> int:
        """How many deliveries may be attempted at the same time by this worker."""

    async def attempt(self, delivery: EventDelivery) -> float | None:
        """Attempt a delivery; returns the seconds until the next attempt, None if there is none."""


def about(delivery: EventDelivery) -> dict[str, object]:
    """The fields of a line of the log about a delivery."""
    shown = {name: shortened(str(delivery.event[name])) for name in ("user", "path")}
    event_id, event_type = delivery.event["id"], delivery.event["type"]
    return {"event_id": event_id, "type": event_type, "attempts": delivery.attempts, **shown}


def shortened(text: str) -> str:
    """A text for the log."""
    return log_text.cleaned([text[:_MOST_CHARACTERS]])[0]


def last_lines(output: str) -> list[str]:
    """The last lines of a program's output, for the log."""
    lines: Iterable[str] = [line for line in output.splitlines() if line.strip()]
    cleaned = log_text.cleaned(lines)
    return [line[:_MOST_CHARACTERS] for line in cleaned[-_MOST_LINES:]]
