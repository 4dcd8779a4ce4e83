"""STORY: start the servers that launches wait for, in turn, and as many as the hub bears."""

import asyncio
import functools
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from launcher import turns
from launcher.errors import LauncherError, SpawnFailed, StartTimeout, StoreUnavailable, fault
from launcher.feed import Feed
from launcher.hub import Hub, servers
from launcher.hub.starts import Start, Throttled
from launcher.metrics import Metrics
from launcher.store import Store, limit, starts
from launcher.store.launches import Launch
from launcher.store.limit import Limits, Status

log = logging.getLogger("launcher")

LOOK_SECONDS = 1.0
# what happens meanwhile is seen and told together
PACE_SECONDS = 0.1


class Starter:
    """Starts servers in this process; the queue and its limits are those of all processes."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        feed: Feed,
        metrics: Metrics,
        *,
        holder: str,
        limits: Limits,
        timeout: float,
        patience: float,
        queue_timeout: float,
    ) -> None:
        """`timeout` bounds a start, `patience` the wait for a hub that is away, in seconds."""
        self._store = store
        self._hub = hub
        self._feed = feed
        self._metrics = metrics
        self._holder = holder
        self.limits = limits
        self._timeout = timeout
        self._patience = patience
        self._queue_timeout = queue_timeout
        self._wanted = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._broken: list[str] = []
        self._said: dict[str, list[Mapping[str, object]]] = defaultdict(list)
        self._in_order = asyncio.Lock()
        self._failing = False

    async def wait_for(self, launch: Launch) -> Launch | None:
        """Put the user's server into the queue for the launch, which says how far that is.

        None when the launch is not this process's any more. Raises QueueFull, StartsFailing.
        """
        waiting = await self._store.run(turns.queue_up, launch, self.limits)
        self._wanted.set()
        return waiting

    async def notice(self, user: str) -> None:
        """A notebook was put into the user's running server: does that say that starts work?"""
        if self._failing:
            self._failing = False  # until the next look
            with suppress(LauncherError):
                now = await servers.state(self._hub, user)
                await self._store.run(limit.forget_failures, now.started_at)
                self._wanted.set()

    async def status(self) -> Status:
        """How the starts are going, over all processes."""
        return await self._store.run(limit.status, self.limits)

    async def resume(self) -> None:
        """Start servers again: an administrator says that it works."""
        await self._store.run(limit.forget_failures, time.time())
        self._wanted.set()

    def look(self) -> None:
        """Look soon: something about the starts changed."""
        self._wanted.set()

    async def run(self) -> None:
        """Start what is in turn, until cancelled."""
        try:
            while True:
                # not wait_for: see feed.py
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wanted.wait()
                self._wanted.clear()
                with suppress(StoreUnavailable):
                    await self._look()
                await asyncio.sleep(PACE_SECONDS)
        finally:
            # another process goes on with them
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _look(self) -> None:
        async with self._in_order:
            said, self._said = self._said, defaultdict(list)
            seen = await self._store.run(
                turns.look, self._holder, self.limits, self._queue_timeout, said
            )
        self._failing = seen.failing
        self._feed.wake(seen.changed)
        for user, waited in seen.taken:
            self._metrics.phase_took("queue", waited)
            self._running[user] = task = asyncio.create_task(self._see_through(user))
            task.add_done_callback(functools.partial(self._landed, user))
        await self._check_on(seen.ours)

    async def _check_on(self, ours: Sequence[tuple[str, bool]]) -> None:
        """Give up what nobody waits for any more, and let others have what we lost."""
        while self._broken:
            self._feed.wake(
                await self._store.run(starts.failed, self._broken[-1], fault().problem(), False)
            )
            self._broken.pop()
        for user, unwanted in ours:
            task = self._running.get(user)
            if task and unwanted:
                if not task.cancelling():
                    task.cancel()
            elif task is None:
                # the database went away when it had just said that this start is ours
                self._feed.wake(await self._store.run(starts.requeue, user, self._holder))

    def _landed(self, user: str, task: asyncio.Task[None]) -> None:
        if self._running.get(user) is task:
            del self._running[user]
        self._wanted.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("the start of a server was given up", exc_info=error)
            self._broken.append(user)

    async def _see_through(self, user: str) -> None:
        start = Start(self._hub, user, lambda *said: self._pass_on(user, *said))
        try:
            outcome = await self._outcome(user, start)
            async with self._in_order:
                said = self._said.pop(user, [])
                changed = await self._store.insist(turns.write_down, user, said, *outcome)
        except asyncio.CancelledError:
            await self._abandon(user, start)
            raise
        self._feed.wake(changed)

    async def _outcome(self, user: str, start: Start) -> tuple[Any, ...]:
        """What to write down of the start, once it is over: a function and its arguments."""
        began = time.monotonic()
        try:
            at = await start.see_through(limit=self._timeout, patience=self._patience)
        except Throttled as busy:
            self._metrics.retried("start")
            return starts.throttled, self._holder, busy.seconds, self.limits.max_starts
        except LauncherError as error:
            counts = isinstance(error, SpawnFailed | StartTimeout)
            return starts.failed, error.problem(), counts
        if start.accepted_at:
            self._metrics.phase_took("start", start.accepted_at - began)
            self._metrics.phase_took("ready", time.monotonic() - start.accepted_at)
        return starts.succeeded, at, self.limits.max_starts

    async def _abandon(self, user: str, start: Start) -> None:
        """Stop a server that we had the hub start, and that nobody waits for any more."""
        if await self._store.read(starts.is_unwanted, user) and await start.is_ours():
            # the hub takes a second, in which it would take a new start for this one
            with suppress(LauncherError):
                await servers.stop(self._hub, user)
        if not await self._store.run(starts.give_up, user):
            # somebody does again, or this process ends
            self._feed.wake(await self._store.run(starts.requeue, user, self._holder))

    def _pass_on(self, user: str, message: str, per_cent: int | None) -> None:
        self._said[user].append({"message": message, "progress": per_cent})
        self._wanted.set()
