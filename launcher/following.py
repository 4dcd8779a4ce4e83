"""STORY: tell what happens to a launch as it happens, whichever process sees to it."""

from collections.abc import AsyncIterator, Callable

import sqlalchemy as sa

from launcher.feed import Feed
from launcher.store import Store, events
from launcher.store import launches as rows
from launcher.store.events import Event
from launcher.store.launches import Launch

# proxies close what is silent for a minute
HEARTBEAT_SECONDS = 14.0
STEP_SECONDS = 1.0


class Follower:
    """Reads the feed for those who watch launches."""

    def __init__(self, store: Store, feed: Feed, stopping: Callable[[], bool]) -> None:
        """`stopping` says whether this process is about to end: those who watch come back."""
        self._store = store
        self._feed = feed
        self._stopping = stopping

    async def follow(self, launch: Launch, after: int) -> AsyncIterator[Event | Launch | None]:
        """What happened after the `after`-th change, as it comes, and the launch when it ended.

        None is a heartbeat. An event `queue` tells of a place in the queue, and has the number of
        the change before it. A negative `after` stands for everything.
        """
        if after < 0:
            yield Event(0, "state", {"state": "queued"}, launch.created_at)
        seq = max(after, 0)
        while not self._stopping():
            now, happened = await self._store.read(_look, launch.id, seq)
            for event in happened:
                yield event
            if now is None:
                return  # it was pruned
            if now.ended:
                yield now
                return
            if not happened:
                yield None  # not every change is an event
            seq = max([seq, now.seq, *(event.seq for event in happened)])
            async for beat in self._meanwhile(now, seq):
                yield beat

    async def _meanwhile(self, launch: Launch, seq: int) -> AsyncIterator[Event | None]:
        """Places in the queue and heartbeats, until the launch changes."""
        told, silent = None, 0.0
        while not self._stopping():
            place = await self._place(launch)
            if place not in (None, told):
                yield Event(seq, "queue", {"position": place}, launch.updated_at)
                told, silent = place, 0.0
            elif silent >= HEARTBEAT_SECONDS:
                yield None
                silent = 0.0
            if await self._feed.changed(launch.id, seq, STEP_SECONDS):
                return
            silent += STEP_SECONDS

    async def _place(self, launch: Launch) -> int | None:
        return await self._feed.position(launch.user) if launch.state == "queued" else None


def _look(connection: sa.Connection, launch_id: str, seq: int) -> tuple[Launch | None, list[Event]]:
    return rows.find(connection, launch_id), events.since(connection, launch_id, seq)
