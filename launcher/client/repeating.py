"""Repeats calls that may be repeated, with pauses."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar

from launcher.client.errors import Away, Insecure, LauncherProblem, Unreachable

T = TypeVar("T")

# seconds between the tries of a call without an answer; a launcher restarts in less than their sum
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)


class Repeating:
    """Suppresses exceptions of a block that may be repeated; enter it in a loop.

    A call without an answer is repeated a few times, with growing pauses. An answer with
    Retry-After is repeated until the monotonic clock reaches `until`. Then the exception is raised.
    """

    def __init__(self, until: float = float("inf"), pauses: Sequence[float] | None = None) -> None:
        self._until = until
        self._all_pauses = PAUSES if pauses is None else pauses
        self.begin()

    def begin(self) -> None:
        """Reset the number of tries, after an answer."""
        self._pauses = iter(self._all_pauses)

    def __enter__(self) -> "Repeating":
        """Return this object."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Pause and suppress the exception, if the block may be repeated."""
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
    """Return the result of `call`, which may be repeated; raises ClientError."""
    repeating = Repeating(until)
    while True:
        with repeating:
            return call()
