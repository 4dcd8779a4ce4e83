"""Waiting for something to happen, and several calls at the same moment."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

MAX_SECONDS = 60


def wait_until(true: Callable[[], object], what: str = "it", seconds: float = MAX_SECONDS):
    """Poll until `true()` is, and return what it said."""
    end, pause = time.monotonic() + seconds, 0.01
    while not (answer := true()):
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s: {answer!r}"
        threading.Event().wait(pause)
        # polling takes from the processes that are waited for
        pause = min(0.05, 1.2 * pause)
    return answer


def at_once(count: int, call: Callable[[int], object]) -> list:
    """What `call(0)`, `call(1)`, … return when they are made at the same moment."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


@contextmanager
def in_background(call: Callable[[], object]):
    """Run a call beside the test; its result is in the list."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    yield results
    thread.join(30)
    assert results, "the call did not come back"
