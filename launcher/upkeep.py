"""STORY: what a process does all the time: say that it lives, go on for the dead, prune."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import sqlalchemy as sa

from launcher.errors import StoreUnavailable
from launcher.feed import Feed
from launcher.launches import Launches
from launcher.starting import Starter
from launcher.store import Store, processes, pruning, starts
from launcher.store import launches as rows
from launcher.store.launches import Launch

log = logging.getLogger("launcher")

# several times while a process is taken for alive
BEAT_SECONDS = 2.0
PRUNE_SECONDS = 600.0


class Upkeep:
    """The tasks in the background of one process."""

    def __init__(
        self,
        store: Store,
        launches: Launches,
        starter: Starter,
        feed: Feed,
        *,
        holder: str,
        retention: float,
    ) -> None:
        """`retention` is how long ended launches are kept, in seconds."""
        self._store = store
        self._launches = launches
        self._starter = starter
        self._feed = feed
        self._holder = holder
        self._retention = retention

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the tasks; at the end, leave what is under way to other processes."""
        with suppress(StoreUnavailable):
            await self._store.run(processes.beat, self._holder)
        tasks = [
            _watched(task)
            for task in (self._beat(), self._prune(), self._feed.run(), self._starter.run())
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._launches.stop()
            with suppress(StoreUnavailable):
                await self._store.run(processes.leave, self._holder)

    async def _beat(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                for launch in await self._store.run(_beat, self._holder):
                    self._launches.adopt(launch)
            await asyncio.sleep(BEAT_SECONDS)

    async def _prune(self) -> None:
        while True:
            # not all processes at the same moment
            await asyncio.sleep(PRUNE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            with suppress(StoreUnavailable):
                while await self._store.run(pruning.prune, self._retention) == pruning.MOST_AT_ONCE:
                    pass


def _beat(connection: sa.Connection, holder: str) -> list[Launch]:
    processes.beat(connection, holder)
    starts.orphans(connection)
    return rows.adopt(connection, holder)


def _watched(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.critical("a task in the background ended", exc_info=error)
