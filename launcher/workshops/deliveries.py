"""Hands events to what a site has for them, outside of the requests that record them.

A delivery is a row that is written with its event. Any worker attempts it; one that was attempted
by a worker that died is attempted again by another one.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from launcher.errors import StoreUnavailable
from launcher.store import Store
from launcher.store import event_deliveries as rows
from launcher.store.event_deliveries import EventDelivery
from launcher.workshops.reactions import Reaction, about

log = logging.getLogger("launcher")

# for deliveries that other workers recorded, and those that are attempted again
LOOK_SECONDS = 3.0
RENEW_SECONDS = 5.0


class Deliveries:
    """The deliveries of events to all reactions, by one worker."""

    def __init__(self, store: Store, reactions: Sequence[Reaction], *, worker_id: str) -> None:
        """`worker_id` is that of the worker in the database."""
        self._store = store
        self._reactions = {each.target: each for each in reactions}
        self._worker_id = worker_id
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[None], str] = {}
        """Attempts of this worker, and their targets."""
        self._renewed = 0.0

    @property
    def is_used(self) -> bool:
        """Whether anything happens on events."""
        return bool(self._reactions)

    def targets(self, event_type: str) -> list[str]:
        """The targets of events of a type."""
        return [each.target for each in self._reactions.values() if each.wants(event_type)]

    def wake(self) -> None:
        """Look for deliveries at once."""
        self._woken.set()

    async def run(self) -> None:
        """Attempt deliveries until cancelled; those under way are then left to other workers."""
        try:
            while True:
                self._woken.clear()
                with suppress(StoreUnavailable):
                    await self._renew()
                    await self._begin()
                with suppress(TimeoutError):
                    # not all workers at the same moment
                    async with asyncio.timeout(LOOK_SECONDS * random.uniform(0.5, 1.5)):  # noqa: S311
                        await self._woken.wait()
        finally:
            await self._stop()

    async def _renew(self) -> None:
        if self._running and time.monotonic() - self._renewed >= RENEW_SECONDS:
            await self._store.run(rows.renew, self._worker_id)
            self._renewed = time.monotonic()

    async def _begin(self) -> None:
        """Begin the attempts that are due."""
        under_way = Counter(self._running.values())
        wanted = {
            target: free
            for target, each in self._reactions.items()
            if (free := each.limit() - under_way[target]) > 0
        }
        if not wanted or not await self._store.read(rows.are_due, list(wanted)):
            return
        for delivery in await self._store.run(rows.claim, self._worker_id, wanted):
            task = asyncio.create_task(self._attempt(delivery))
            self._running[task] = delivery.target
            task.add_done_callback(self._ended)

    async def _attempt(self, delivery: EventDelivery) -> None:
        reaction = self._reactions[delivery.target]
        if delivery.attempts > reaction.most_attempts:
            fields = {"kind": reaction.name, "reason": "too many attempts", **about(delivery)}
            log.warning("an event is not delivered any more", extra=fields)
            pause = None
        else:
            pause = await reaction.attempt(delivery)
        if pause is None:
            await self._store.run_until_done(rows.remove, delivery.id)
        else:
            at = time.time() + pause
            await self._store.run_until_done(rows.retry, delivery.id, self._worker_id, at)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()):
            # its lease ends, and the attempts are bounded
            log.error("a delivery of an event failed", exc_info=error)
        self.wake()

    async def _stop(self) -> None:
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self._store.run(rows.release, self._worker_id)
