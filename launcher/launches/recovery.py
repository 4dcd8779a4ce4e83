"""The background tasks of a process: say that it lives, take over launches, prune, and others."""

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
from launcher.store import launches as rows
from launcher.store.launches import Launch

log = logging.getLogger("launcher")

# several times while a process is taken for alive
BEAT_SECONDS = 2.0
PRUNE_SECONDS = 600.0


class Recovery:
    """The tasks in the background of one process."""

    def __init__(
        self,
        store: Store,
        launches: LaunchEngine,
        *,
        worker_id: str,
        retention: float,
        tasks: Iterable[Callable[[], Coroutine[Any, Any, None]]],
        end_process: Callable[[], None],
    ) -> None:
        """`retention` is how long ended launches are kept, in seconds.

        `tasks` are run beside its own; `end_process` is called when any of them ends by itself.
        """
        self._store = store
        self._launches = launches
        self._worker_id = worker_id
        self._retention = retention
        self._tasks = (self._beat, self._prune, *tasks)
        self._end_process = end_process

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the tasks; at the end, leave what is under way to other processes."""
        with suppress(StoreUnavailable):
            await self._store.run(workers.beat, self._worker_id)
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
        """A process without one of its tasks answers, and brings nothing to an end."""
        if not task.cancelled():
            log.critical(
                "a background task ended, and so does this process", exc_info=task.exception()
            )
            self._end_process()

    async def _beat(self) -> None:
        while True:
            with suppress(StoreUnavailable):
                orphans, own = await self._store.run(_beat, self._worker_id)
                for launch in orphans:
                    self._launches.adopt(launch)
                await self._launches.adopt_forgotten(own)
            await asyncio.sleep(BEAT_SECONDS)

    async def _prune(self) -> None:
        while True:
            # not all processes at the same moment
            await asyncio.sleep(PRUNE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            with suppress(StoreUnavailable):
                while await self._store.run(pruning.prune, self._retention) == pruning.MOST_AT_ONCE:
                    pass


def _beat(connection: sa.Connection, worker_id: str) -> tuple[list[Launch], list[str]]:
    """The launches to take over, and the ids of those that `worker_id` had before."""
    workers.beat(connection, worker_id)
    starts.release_orphans(connection)
    own = rows.held(connection, worker_id)
    return rows.adopt(connection, worker_id), own


def _leave(connection: sa.Connection, worker_id: str) -> None:
    rows.leave(connection, worker_id)
    workers.leave(connection, worker_id)
