"""Wakes tasks that wait for a change of a launch, made by any worker."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

from launcher.errors import StoreUnavailable
from launcher.server_ref import ServerRef
from launcher.singleflight import SingleFlight
from launcher.store import Store, launches, starts

POLL_SECONDS = 0.2
POSITION_SECONDS = 1.0
# below the limit of parameters in a statement of SQLite
BATCH = 500


class _Watched:
    """A launch that tasks wait for: the oldest change that one of them knows."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.changed = asyncio.Event()


class Feed:
    """Polls the database for all waiting tasks; changes of this worker wake them at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watched: dict[str, _Watched] = {}
        self._has_waiting = asyncio.Event()
        self._positions: tuple[float, dict[ServerRef, int]] = (-POSITION_SECONDS, {})
        self._single_flight: SingleFlight[dict[ServerRef, int]] = SingleFlight()

    async def changed(self, launch_id: str, seq: int, seconds: float) -> bool:
        """Wait for a change after `seq`, for at most `seconds`; whether there was one."""
        watched = self._watched.setdefault(launch_id, _Watched(seq))
        watched.seq = min(watched.seq, seq)
        self._has_waiting.set()
        # not wait_for, which before Python 3.12 loses a cancellation that comes with the change
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await watched.changed.wait()
        return False

    def wake(self, launch_ids: Iterable[str]) -> None:
        """Wake the tasks that wait for these launches."""
        for launch_id in launch_ids:
            if watched := self._watched.pop(launch_id, None):
                watched.changed.set()

    async def position(self, server: ServerRef) -> int | None:
        """The position of the server in the queue, at most a second old; None if not queued."""
        at, places = self._positions
        if time.monotonic() - at >= POSITION_SECONDS:
            places = await self._single_flight.share("positions", self._look_for_positions)
        return places.get(server)

    async def run(self) -> None:
        """Poll for changes made by other workers while tasks wait."""
        while True:
            await self._has_waiting.wait()
            with suppress(StoreUnavailable):
                await self._look()
            if not self._watched:
                self._has_waiting.clear()
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self) -> None:
        waited_for = list(self._watched)
        for first in range(0, len(waited_for), BATCH):
            ids = waited_for[first : first + BATCH]
            found = await self._store.read(launches.seqs, ids)
            self.wake(i for i in ids if i in self._watched and self._is_late(i, found.get(i)))

    def _is_late(self, launch_id: str, seq: int | None) -> bool:
        # a launch that is missing was pruned: wake its tasks, too
        return seq is None or seq > self._watched[launch_id].seq

    async def _look_for_positions(self) -> dict[ServerRef, int]:
        places = await self._store.read(starts.positions)
        self._positions = (time.monotonic(), places)
        return places
