"""STORY: start the servers that launches wait for, in turn, and as many as the hub bears."""

import asyncio
import functools
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from launcher import turns
from launcher.errors import (
    LauncherError,
    SpawnFailed,
    SpawnRefused,
    StartTimeout,
    StoreUnavailable,
    fault,
)
from launcher.feed import Feed
from launcher.hub import Hub, servers
from launcher.hub.starts import NotBegun, Start, Throttled
from launcher.hub.version import LEAVES_REFUSALS, version
from launcher.metrics import Metrics
from launcher.outage import Record
from launcher.store import Store, breaker, limit, starts
from launcher.store.breaker import STATES
from launcher.store.launches import Launch
from launcher.store.limit import Limits, Status
from launcher.store.starts import Taken

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
        told: Record,
        limits: Limits,
        timeout: float,
        patience: float,
        queue_timeout: float,
    ) -> None:
        """`timeout` bounds a start, `patience` the wait for a hub that is away, in seconds.

        `told` is the state of the breaker that the log knows of, for all workers of a master.
        """
        self._store = store
        self._hub = hub
        self._feed = feed
        self._metrics = metrics
        self._holder = holder
        self._told = told
        self.limits = limits
        self._timeout = timeout
        self._patience = patience
        self._queue_timeout = queue_timeout
        self._wanted = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._broken: list[str] = []
        self._said: dict[str, list[Mapping[str, object]]] = {}
        self._unstoppable: set[str] = set()
        self._in_order = asyncio.Lock()
        self._failing = False

    async def wait_for(self, launch: Launch) -> Launch | None:
        """Put the user's server into the queue for the launch, which says how far that is.

        None when the launch is not this process's any more. Raises QueueFull, StartCooldown,
        StartsFailing.
        """
        waiting = await self._store.insist(turns.queue_up, launch, self.limits)
        self._wanted.set()
        return waiting

    async def notice(self, user: str) -> None:
        """A notebook was put into the user's running server: does that say that starts work?"""
        if self._failing:
            self._failing = False  # until the next look
            with suppress(LauncherError):
                now = await servers.state(self._hub, user)
                if now.ready:
                    await self._store.run(breaker.forget_failures, now.started_at)
                    self._wanted.set()

    async def status(self) -> Status:
        """How the starts are going, over all processes; raises StoreUnavailable."""
        return await self._store.run(limit.status, self.limits)

    async def resume(self) -> None:
        """Close the breaker and end all cool-downs; raises StoreUnavailable."""
        await self._store.run(breaker.reset)
        self._wanted.set()

    async def hub_restarted(self, at: float) -> None:
        """Forget the failures before the hub's restart, `at` seconds since 1970.

        Raises StoreUnavailable.
        """
        await self._store.run(breaker.hub_restarted, at)
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
            said = {user: list(words) for user, words in self._said.items()}
            seen = await self._store.run(
                turns.look, self._holder, self.limits, self._queue_timeout, said
            )
            self._forget_said(said)
        self._failing = seen.failing
        self._tell_state(seen.before)
        self._feed.wake(seen.changed)
        for taken in seen.taken:
            self._attend_to(taken)
        await self._check_on(seen.ours)

    def _tell_state(self, now: Status) -> None:
        """Tell the log that the breaker has another state: the first process that sees it does."""
        state = STATES.index(now.state)
        if self._told.read()[0] == state:
            return
        with self._told.alone():
            told, since, *_ = self._told.read()
            if told == state or now.now <= since:
                return
            self._told.write(state, now.now, 0, 0)
        extra = {"failed_in_a_row": now.failed, "last_failure": now.kind or None}
        log.warning(f"the breaker is {now.state}", extra=extra)

    def _forget_said(self, written: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
        """Keep what was said while the rest was being written down."""
        for user, words in written.items():
            left = self._said.pop(user, [])[len(words) :]
            if left:
                self._said[user] = left

    def _attend_to(self, taken: Taken) -> None:
        if taken.begun_at is None:
            self._metrics.phase_took("queue", taken.waited)
        self._running[taken.user] = task = asyncio.create_task(self._see_through(taken))
        task.add_done_callback(functools.partial(self._landed, taken.user))

    async def _check_on(self, ours: Sequence[tuple[str, bool]]) -> None:
        """Give up what nobody waits for any more, and let others have what we lost."""
        while self._broken:
            # others are added to the end meanwhile
            user, problem = self._broken[0], fault().problem()
            self._feed.wake(
                await self._store.run(starts.failed, user, self._holder, problem, True, self.limits)
            )
            self._broken.pop(0)
        for user, unwanted in ours:
            task = self._running.get(user)
            if task is None and user not in self._broken:
                # the database went away when it had just said that this start is ours
                await self._store.run(starts.release, user, self._holder)
                self._wanted.set()
            elif task and unwanted and user not in self._unstoppable and not task.cancelling():
                task.cancel()

    def _landed(self, user: str, task: asyncio.Task[None]) -> None:
        if self._running.get(user) is task:
            del self._running[user]
        self._wanted.set()
        if not task.cancelled():
            self._unstoppable.discard(user)
            if error := task.exception():
                log.error("the start of a server was given up", exc_info=error)
                self._broken.append(user)

    async def _see_through(self, taken: Taken) -> None:
        user = taken.user
        start = Start(
            self._hub, user, lambda *said: self._pass_on(user, *said), begun_at=taken.begun_at
        )
        try:
            outcome = await self._outcome(user, start)
            async with self._in_order:
                said = list(self._said.get(user, ()))
                changed = await self._store.insist(turns.write_down, user, said, *outcome)
                self._forget_said({user: said})
        except asyncio.CancelledError:
            await self._leave(user, start)
            raise
        self._feed.wake(changed)

    async def _outcome(self, user: str, start: Start) -> tuple[Any, ...]:
        """What to write down of the start, once it is over: a function and its arguments."""
        began = time.monotonic()
        try:
            ready = await start.see_through(limit=self._timeout, patience=self._patience)
        except Throttled as busy:
            self._metrics.retried("start")
            return starts.throttled, self._holder, busy.seconds, self.limits
        except NotBegun:
            return starts.requeue, self._holder
        except LauncherError as error:
            counts = await self._counts(error)
            return starts.failed, self._holder, error.problem(), counts, self.limits
        if start.accepted_at:
            self._metrics.phase_took("start", start.accepted_at - began)
            self._metrics.phase_took("ready", time.monotonic() - start.accepted_at)
        return starts.succeeded, self._holder, ready.at, ready.ours, self.limits

    async def _counts(self, error: LauncherError) -> bool:
        """Whether the hub counts the failure among those in a row."""
        if isinstance(error, SpawnRefused) and self.limits.hub_failure_limit:
            known = await version(self._hub)
            return known is None or known < LEAVES_REFUSALS
        return isinstance(error, SpawnFailed | StartTimeout)

    async def _leave(self, user: str, start: Start) -> None:
        """Stop a start that nobody waits for any more; let another process go on with others.

        While the database is away, the start stays ours: the next look goes on, or another process.
        """
        with suppress(StoreUnavailable):
            unwanted = await self._store.read(starts.is_unwanted, user)
            if unwanted and await self._stop(user, start):
                if await self._store.run(starts.give_up, user, self._holder):
                    return
                # somebody wants it again
                self._feed.wake(await self._store.run(starts.requeue, user, self._holder))
            elif start.may_have_begun:
                await self._store.run(starts.release, user, self._holder)
            else:
                self._feed.wake(await self._store.run(starts.requeue, user, self._holder))

    async def _stop(self, user: str, start: Start) -> bool:
        """Whether nothing of ours is left at the hub, which takes a second to stop a start."""
        if not await start.is_ours():
            return True
        with suppress(LauncherError):
            if await servers.stop(self._hub, user):
                return True
        # it goes on, and the hub counts how it ends
        self._unstoppable.add(user)
        return False

    def _pass_on(self, user: str, message: str, per_cent: int | None) -> None:
        self._said.setdefault(user, []).append({"message": message, "progress": per_cent})
        self._wanted.set()
