"""How much one participant reports in a minute."""

import time
from dataclasses import dataclass

from cachetools import LRUCache

from launcher.errors import TooManyRequests

MINUTE = 60.0
MEBIBYTE = 2**20
# of saved notebooks in a minute, as they are sent: base64 of gzip
MOST_BYTES = 100 * MEBIBYTE
# of whom the last minute is known; those who reported longest ago are forgotten first
USERS = 10_000


@dataclass
class _Window:
    """What a user reported since a time."""

    began: float
    events: int = 0
    bytes: int = 0


class EventRate:
    """Counts the events of each user and their size, in one worker."""

    def __init__(self, most: int) -> None:
        """`most` is how many events a user may report in a minute."""
        self._most = most
        self._windows: LRUCache[str, _Window] = LRUCache(USERS)

    def count(self, user: str, size: int = 0) -> None:
        """Count one more event, with a notebook of that size; raises TooManyRequests."""
        now = time.monotonic()
        window = self._windows.get(user)
        if window is None or now - window.began >= MINUTE:
            window = _Window(now)
        if window.events >= self._most:
            raise _too_many(f"reported {self._most} events", window, now, user)
        if window.bytes + size > MOST_BYTES:
            what = f"sent notebooks of {MOST_BYTES // MEBIBYTE} MiB"
            raise _too_many(what, window, now, user)
        window.events += 1
        window.bytes += size
        self._windows[user] = window


def _too_many(what: str, window: _Window, now: float, user: str) -> TooManyRequests:
    return TooManyRequests(
        f"{user} {what} within a minute, which is the limit.",
        retry_after=max(1, int(window.began + MINUTE - now)),
    )
