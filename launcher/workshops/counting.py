"""Counts what saved notebooks contain, in the background."""

import asyncio
import logging
import time

import sqlalchemy as sa

from launcher.errors import RenderingBusy, RenderingFailed, StoreUnavailable
from launcher.rendering import Renderer
from launcher.store import Store, saved_notebooks
from launcher.store import events as event_rows
from launcher.store.saved_notebooks import Save
from launcher.workshops import notebook_progress

log = logging.getLogger("launcher")

# saves that wait in this worker; further ones are found when it looks for what others left
MAX_WAITING = 1000
LOOK_SECONDS = 20.0
# a save that was not counted for so long: its worker died, or was too busy
LEFT_SECONDS = 30.0
AT_ONCE = 100
BUSY_SECONDS = 1.0


class Counting:
    """Counts the saves that this worker receives, and those that other workers left."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer
        self._waiting: asyncio.Queue[int] = asyncio.Queue(MAX_WAITING)

    def soon(self, save_id: int) -> None:
        """Count that save in the background."""
        if not self._waiting.full():
            self._waiting.put_nowait(save_id)

    async def run(self) -> None:
        """Count until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._count_own())
            tasks.create_task(self._count_left())

    async def _count_own(self) -> None:
        while True:
            await self._count(await self._waiting.get())

    async def _count_left(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                before = time.time() - LEFT_SECONDS
                left = await self._store.read(saved_notebooks.uncounted, before, AT_ONCE)
            except StoreUnavailable:
                continue
            for save_id in left:
                await self._count(save_id)

    async def _count(self, save_id: int) -> None:
        """Store the statistics of a save; what cannot be done now is left for later."""
        try:
            save = await self._store.read(saved_notebooks.find, save_id)
            packed = await self._store.read(saved_notebooks.content, save_id)
            if save is None or packed is None:
                return
            found = await self._statistics(packed)
            if found is None:
                await self._store.run(_forget, save)
            else:
                await self._store.run(saved_notebooks.set_statistics, save_id, found)
        except RenderingBusy:
            await asyncio.sleep(BUSY_SECONDS)
        except StoreUnavailable:
            pass

    async def _statistics(self, packed: bytes) -> dict[str, object] | None:
        """What to store beside a save; None if the notebook is private.

        Raises RenderingBusy.
        """
        try:
            counted = await self._renderer.statistics(packed)
        except RenderingFailed as error:
            return notebook_progress.stored_problem(error.detail)
        return None if counted.is_private else notebook_progress.stored(counted)


def _forget(connection: sa.Connection, save: Save) -> None:
    """Forget a notebook that its participant marked as private."""
    saved_notebooks.remove(connection, save.user, save.path)
    event_rows.remove(connection, save.user, save.path)
