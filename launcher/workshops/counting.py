"""Counts what saved notebooks contain, in the background."""

import asyncio
import logging
import time
from contextlib import suppress

from launcher.errors import RenderingBusy, RenderingFailed, StoreUnavailable
from launcher.rendering import Renderer
from launcher.store import Store, saved_notebooks
from launcher.workshops import notebook_progress
from launcher.workshops.forgetting import forget
from launcher.workshops.waiting_saves import WaitingSaves

log = logging.getLogger("launcher")

LOOK_SECONDS = 20.0
# a save that was not counted for so long: its worker died, or was too busy
LEFT_SECONDS = 30.0
AT_ONCE = 100
LEFT_OF_ONE = 3
BUSY_SECONDS = 1.0


class Counting:
    """Counts the saves that this worker receives, and those that other workers left."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer
        self._waiting = WaitingSaves()

    def soon(self, save_id: int, user: str, path: str) -> None:
        """Count that save in the background, unless a later one of the notebook comes before."""
        self._waiting.put(save_id, user, path)

    async def run(self) -> None:
        """Count until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._count_waiting())
            tasks.create_task(self._look())

    async def _count_waiting(self) -> None:
        """Count one save after the other: there is room for what people want to see."""
        while True:
            await self._count(await self._waiting.take())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(StoreUnavailable):
                await self._find_left()

    async def _find_left(self) -> None:
        """Let some of the saves wait here that were left; raises StoreUnavailable."""
        before = time.time() - LEFT_SECONDS
        left = await self._store.read(saved_notebooks.uncounted, before, AT_ONCE, LEFT_OF_ONE)
        for save in left:
            self._waiting.put(save.id, save.user, save.path)

    async def _count(self, save_id: int) -> None:
        """Store the statistics of a save; what cannot be done now is left for later."""
        try:
            save = await self._store.read(saved_notebooks.find, save_id)
            packed = await self._store.read(saved_notebooks.content, save_id)
            if save is None or packed is None:
                return
            found = await self._statistics(packed, save.user)
            if found is None:
                await self._store.run(forget, save.user, save.path)
            else:
                await self._store.run(saved_notebooks.set_statistics, save_id, found)
        except RenderingBusy:
            await asyncio.sleep(BUSY_SECONDS)
        except StoreUnavailable:
            pass

    async def _statistics(self, packed: bytes, user: str) -> dict[str, object] | None:
        """What to store beside a save; None if the notebook is private.

        Raises RenderingBusy.
        """
        try:
            counted = await self._renderer.statistics(packed, user)
        except RenderingFailed as error:
            return notebook_progress.stored_problem(error.detail)
        return None if counted.is_private else notebook_progress.stored(counted)
