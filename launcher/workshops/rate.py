"""How many events one participant reports in a minute."""

import time

from cachetools import LRUCache

from launcher.errors import TooManyRequests

MINUTE = 60.0
# of whom the last minute is known; those who reported longest ago are forgotten first
USERS = 10_000


class EventRate:
    """Counts the events of each user, in one worker."""

    def __init__(self, most: int) -> None:
        """`most` is how many a user may report in a minute."""
        self._most = most
        self._windows: LRUCache[str, tuple[float, int]] = LRUCache(USERS)

    def count(self, user: str) -> None:
        """Count one more event; raises TooManyRequests."""
        now = time.monotonic()
        began, count = self._windows.get(user, (now, 0))
        if now - began >= MINUTE:
            began, count = now, 0
        if count >= self._most:
            raise TooManyRequests(
                f"{user} reported {self._most} events within a minute, which is the limit.",
                retry_after=max(1, int(began + MINUTE - now)),
            )
        self._windows[user] = began, count + 1
