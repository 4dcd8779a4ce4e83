"""Streams of the events of a launch, whichever worker runs it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from launcher.errors import StoreUnavailable, TooManyRequests
from launcher.launches.feed import Feed
from launcher.store import Store, launch_events
from launcher.store import launches as launch_rows
from launcher.store.launch_events import LaunchEvent
from launcher.store.launches import Launch

# proxies close connections that are silent for a minute
HEARTBEAT_SECONDS = 14.0
STEP_SECONDS = 1.0
# when a caller with too many streams may try again
FULL_SECONDS = 10


class StreamLimit:
    """Limits the streams that each caller has open in this worker."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[Hashable] = Counter()

    @contextmanager
    def count(self, caller: Hashable) -> Iterator[None]:
        """Count a stream for as long as the context lasts; raises TooManyRequests."""
        if self._open[caller] >= self._most:
            raise TooManyRequests(
                f"There are {self._most} open event streams of yours already. Close one, or poll"
                " GET /launches/{launch_id} instead.",
                retry_after=FULL_SECONDS,
            )
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]


class EventStreams:
    """The event streams of one worker."""

    def __init__(
        self, store: Store, feed: Feed, stopping: Callable[[], bool], *, most_streams: int
    ) -> None:
        """`stopping` says whether this worker is shutting down: clients then connect again."""
        self.limit = StreamLimit(most_streams)
        self._store = store
        self._feed = feed
        self._stopping = stopping

    async def events(
        self, launch: Launch, after: int
    ) -> AsyncIterator[LaunchEvent | Launch | None]:
        """The events after the `after`-th change as they happen, and the launch once it has ended.

        None is a heartbeat. An event `queue` has a position in the queue and the number of the
        change before it. A negative `after` means all events; a number that is too large means the
        last change. While the database is away, there are only heartbeats.
        """
        if after < 0:
            yield LaunchEvent(0, "state", {"state": "queued"}, launch.created_at)
        seq = min(max(after, 0), launch.seq)
        while not self._stopping():
            try:
                now, happened = await self._store.read(_look, launch.id, seq)
            except StoreUnavailable:
                yield None
                await asyncio.sleep(STEP_SECONDS)
                continue
            for event in happened:
                yield event
            if now is None:
                return  # pruned
            if now.ended:
                yield now
                return
            if not happened:
                yield None  # not every change is an event
            seq = max([seq, now.seq, *(event.seq for event in happened)])
            async for beat in self._until_changed(now, seq):
                yield beat

    async def _until_changed(self, launch: Launch, seq: int) -> AsyncIterator[LaunchEvent | None]:
        """Positions in the queue and heartbeats, until the launch changes."""
        last, silent = None, 0.0
        while not self._stopping():
            place = await self._place(launch)
            if place not in (None, last):
                yield LaunchEvent(seq, "queue", {"position": place}, launch.updated_at)
                last, silent = place, 0.0
            elif silent >= HEARTBEAT_SECONDS:
                yield None
                silent = 0.0
            if await self._feed.changed(launch.id, seq, STEP_SECONDS):
                return
            silent += STEP_SECONDS

    async def _place(self, launch: Launch) -> int | None:
        if launch.state != "queued":
            return None
        try:
            return await self._feed.position(launch.server)
        except StoreUnavailable:
            return None


def _look(
    connection: sa.Connection, launch_id: str, seq: int
) -> tuple[Launch | None, list[LaunchEvent]]:
    return launch_rows.find(connection, launch_id), launch_events.since(connection, launch_id, seq)
