"""Background tasks of a worker: its heartbeat, takeover of launches, pruning, and others."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import sqlalchemy as sa

from launcher.errors import StoreUnavailable
from launcher.launches.engine import LaunchEngine
from launcher.store import Store, pruning, starts, workers
from launcher.store import launches as launch_rows
from launcher.store.launches import Launch

log = logging.getLogger("launcher")

# several times within the time that a worker counts as alive after a heartbeat
HEARTBEAT_SECONDS = 2.0
PRUNE_SECONDS = 600.0


class Recovery:
    """The background tasks of one worker."""

    def __init__(
        self,
        store: Store,
        launches: LaunchEngine,
        *,
        worker_id: str,
        retention: float,
        workshop_retention: float,
        tasks: Iterable[Callable[[], Coroutine[Any, Any, None]]],
        end_process: Callable[[], None],
    ) -> None:
        """`retention` is how long ended launches are kept, in seconds, `workshop_retention` events.

        `tasks` run beside its own; `end_process` is called when any of them ends by itself.
        """
        self._store = store
        self._launches = launches
        self._worker_id = worker_id
        self._retention = retention
        self._workshop_retention = workshop_retention
        self._tasks = (self._heartbeat, self._prune, *tasks)
        self._end_process = end_process

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the tasks; at the end, leave running launches to other workers."""
        with suppress(StoreUnavailable):
            await self._store.run(workers.heartbeat, self._worker_id)
        tasks = [self._watched(task) for task in self._tasks]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._launches.stop()
            with suppress(StoreUnavailable):
                await self._store.run(_leave, self._worker_id)

    def _watched(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(work())
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """End the process: without one of its tasks it would answer but finish nothing."""
        if not task.cancelled():
            log.critical("a background task ended, so this process ends", exc_info=task.exception())
            self._end_process()

    async def _heartbeat(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                orphans, own = await self._store.run(_heartbeat, self._worker_id)
                for launch in orphans:
                    self._launches.adopt(launch)
                await self._launches.adopt_forgotten(own)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _prune(self) -> None:
        while True:
            # not all workers at the same moment
            await asyncio.sleep(PRUNE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            with suppress(StoreUnavailable):
                while await self._store.run(pruning.prune, self._retention) == pruning.MOST_AT_ONCE:
                    pass
                await self._store.run(pruning.prune_workshops, self._workshop_retention)


def _heartbeat(connection: sa.Connection, worker_id: str) -> tuple[list[Launch], list[str]]:
    """The launches that the worker takes over, and the ids of those that it had before."""
    workers.heartbeat(connection, worker_id)
    starts.release_orphans(connection)
    own = launch_rows.owned_by(connection, worker_id)
    return launch_rows.adopt(connection, worker_id), own


def _leave(connection: sa.Connection, worker_id: str) -> None:
    launch_rows.release_all(connection, worker_id)
    workers.deregister(connection, worker_id)
