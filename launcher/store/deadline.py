"""The deadline of this thread's unit of work, which database connections respect."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float | None] = ContextVar("_until", default=None)


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Set the deadline of this thread's database calls to `moment`, of time.monotonic()."""
    token = _until.set(moment)
    try:
        yield
    finally:
        _until.reset(token)


def seconds_left() -> float | None:
    """Seconds until the deadline, at least 0; None without a deadline."""
    moment = _until.get()
    return None if moment is None else max(0.0, moment - time.monotonic())
