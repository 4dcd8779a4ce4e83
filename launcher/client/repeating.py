"""What may be repeated, when, and how often."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from launcher.client.errors import Away, Insecure, LauncherProblem, Unreachable

T = TypeVar("T")

# between the tries of a call that got no answer: a launcher that restarts is back before the last
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)


class Repeating:
    """Runs a block again that got no answer; it is entered in a loop.

    Without an answer that is a few times, with pauses that grow. A launcher that says when to try
    again is asked again until the monotonic clock says `until`. Then the exception gets out.
    """

    def __init__(self, until: float = float("inf")) -> None:
        self._until = until
        self.begin()

    def begin(self) -> None:
        """There was an answer: count anew."""
        self._pauses = iter(PAUSES)

    def __enter__(self) -> "Repeating":
        """This."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Whether to run the block again, after a pause."""
        pause = self._pause(error)
        if pause is None or time.monotonic() + pause >= self._until:
            return False
        time.sleep(pause)
        return True

    def _pause(self, error: BaseException | None) -> float | None:
        if isinstance(error, Unreachable | Away) and not isinstance(error, Insecure):
            return next(self._pauses, None)
        if isinstance(error, LauncherProblem) and error.status == 503 and not error.launch_id:
            return error.retry_after  # refused before anything was launched
        return None


def insist(call: Callable[[], T], until: float) -> T:
    """What `call` returns, however often it takes: for what may be repeated."""
    repeating = Repeating(until)
    while True:
        with repeating:
            return call()
