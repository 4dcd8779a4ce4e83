"""Until when the unit of work of this thread may take; connections to the database obey it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float | None] = ContextVar("_until", default=None)


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Bound what this thread does with the database; `moment` is of time.monotonic()."""
    token = _until.set(moment)
    try:
        yield
    finally:
        _until.reset(token)


def seconds_left() -> float | None:
    """How long it may still take, at least 0; None without a bound."""
    moment = _until.get()
    return None if moment is None else max(0.0, moment - time.monotonic())
