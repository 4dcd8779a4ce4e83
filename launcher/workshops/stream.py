"""Streams of events as they happen, whichever worker records them."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from launcher.errors import StoreUnavailable
from launcher.singleflight import SingleFlight
from launcher.store import Store
from launcher.store import events as rows
from launcher.store.events import StoredEvent

# proxies close connections that are silent for a minute
HEARTBEAT_SECONDS = 14.0
POLL_SECONDS = 0.5
MOST_AT_ONCE = 500
# then the client connects again, and whether it may is checked again
STREAM_SECONDS = 600.0


class EventFeed:
    """Asks the database for all streams of this worker whether there are changes."""

    def __init__(self, store: Store, stopping: Callable[[], bool]) -> None:
        """`stopping` says whether this worker is shutting down: clients then connect again."""
        self._store = store
        self._stopping = stopping
        self._last = (-POLL_SECONDS, 0)
        self._single_flight: SingleFlight[int] = SingleFlight()

    async def events(
        self, equal: Mapping[str, Any], after: int | None
    ) -> AsyncIterator[StoredEvent | int | None]:
        """The events with these values of columns that change after the change `after`.

        Without `after`, those that change from now on. A number is a heartbeat, at the beginning
        too: all changes until that one have been sent. It is None if the database was away all the
        time. Ends after STREAM_SECONDS.
        """
        seq, silent_since, until = after, -math.inf, time.monotonic() + STREAM_SECONDS
        last: int | None = None
        while not self._stopping() and time.monotonic() < until:
            found: list[StoredEvent] = []
            try:
                last = await (self._share() if last is None else self._last_change())
                if seq is None or seq > last:  # of another database
                    seq = last
                if last > seq:
                    found = await self._store.read(rows.changed_since, seq, equal, MOST_AT_ONCE)
                    seq = found[-1].seq if found else last
            except StoreUnavailable:
                pass
            for event in found:
                yield event
            now = time.monotonic()
            if found:
                silent_since = now
            elif now - silent_since >= HEARTBEAT_SECONDS:
                yield seq
                silent_since = now
            if len(found) < MOST_AT_ONCE:
                await asyncio.sleep(POLL_SECONDS)

    async def _last_change(self) -> int:
        """The number of the last change, at most POLL_SECONDS old."""
        at, last = self._last
        if time.monotonic() - at >= POLL_SECONDS:
            last = await self._share()
        return last

    async def _share(self) -> int:
        """The number of the last change now."""
        return await self._single_flight.share("last", self._look)

    async def _look(self) -> int:
        last = await self._store.read(rows.last_change)
        self._last = (time.monotonic(), last)
        return last
