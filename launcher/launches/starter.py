"""Starts the servers that launches wait for, in order, with an adaptive concurrency limit."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from launcher.errors import (
    LauncherError,
    NotFound,
    SpawnFailed,
    SpawnRefused,
    StartTimeout,
    StoreUnavailable,
    fault,
)
from launcher.hub import Hub, servers, stops
from launcher.hub.starts import NotBegun, Start, Throttled
from launcher.hub.version import IGNORES_REFUSALS, version
from launcher.launches.feed import Feed
from launcher.metrics import Metrics
from launcher.outage import SharedRecord
from launcher.server_ref import ServerRef
from launcher.store import Store, breaker, limit, start_queue, starts
from launcher.store.breaker import STATES
from launcher.store.launches import Launch
from launcher.store.limit import StartLimits, Status
from launcher.store.start_outcomes import (
    StartFailed,
    StartNotBegun,
    StartOutcome,
    StartSucceeded,
    StartThrottled,
)
from launcher.store.starts import ClaimedStart, OwnStart, Wish

log = logging.getLogger("launcher")

UPDATE_SECONDS = 1.0
# changes within that time are handled in one transaction
PACE_SECONDS = 0.1


class Starter:
    """Starts servers in this worker; the queue and its limits are shared by all workers."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        feed: Feed,
        metrics: Metrics,
        *,
        worker_id: str,
        logged: SharedRecord,
        limits: StartLimits,
        timeout: float,
        patience: float,
        queue_timeout: float,
        user_options: Callable[[Wish | None], Mapping[str, Any] | None],
    ) -> None:
        """`timeout` bounds a start, `patience` the wait for a hub that is away, in seconds.

        `logged` is the last state of the breaker that was logged, shared by all workers;
        `user_options` are those of a start, None to reuse those of the last one.
        """
        self._store = store
        self._hub = hub
        self._feed = feed
        self._metrics = metrics
        self._worker_id = worker_id
        self._logged = logged
        self.limits = limits
        self._timeout = timeout
        self._patience = patience
        self._queue_timeout = queue_timeout
        self._user_options = user_options
        self._wanted = asyncio.Event()
        self._running: dict[ServerRef, asyncio.Task[None]] = {}
        self._crashed: list[ServerRef] = []
        self._progress: dict[ServerRef, list[Mapping[str, object]]] = {}
        self._unstoppable: set[ServerRef] = set()
        self._progress_lock = asyncio.Lock()
        self._failing = False

    async def wait_for(self, launch: Launch) -> Launch | None:
        """Queue the launch's server for its start; returns the launch in its new state.

        None when the launch is not this worker's any more. Raises QueueFull, StartCooldown,
        StartsFailing.
        """
        waiting = await self._store.run_until_done(start_queue.enqueue, launch, self.limits)
        self._wanted.set()
        return waiting

    async def server_was_used(self, server: ServerRef) -> None:
        """Forget failures older than this server's start: it runs, so starts work."""
        if self._failing:
            self._failing = False  # until the next update
            with suppress(LauncherError):
                now = await servers.state(self._hub, server)
                if now.ready:
                    await self._store.run(breaker.forget_failures, now.started_at)
                    self._wanted.set()

    async def status(self) -> Status:
        """How the starts are going, over all workers; raises StoreUnavailable."""
        return await self._store.run(limit.status, self.limits)

    async def resume(self) -> None:
        """Reset the breaker and end all cool-downs; raises StoreUnavailable."""
        await self._store.run(breaker.reset)
        self._wanted.set()

    async def hub_restarted(self, at: float) -> None:
        """Forget the failures before the hub's restart, `at` seconds since 1970.

        Raises StoreUnavailable.
        """
        await self._store.run(breaker.forget_failures, at)
        self._wanted.set()

    def update_soon(self) -> None:
        """Update the queue soon: something about the starts changed."""
        self._wanted.set()

    async def run(self) -> None:
        """Start queued servers until cancelled."""
        try:
            while True:
                # not wait_for: see feed.py
                with suppress(TimeoutError):
                    async with asyncio.timeout(UPDATE_SECONDS):
                        await self._wanted.wait()
                self._wanted.clear()
                with suppress(StoreUnavailable):
                    await self._update()
                await asyncio.sleep(PACE_SECONDS)
        finally:
            # another worker takes them over
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _update(self) -> None:
        async with self._progress_lock:
            progress = {server: list(messages) for server, messages in self._progress.items()}
            update = await self._store.run(
                start_queue.update, self._worker_id, self.limits, self._queue_timeout, progress
            )
            self._forget_progress(progress)
        self._failing = update.failing
        self._log_state(update.before)
        self._feed.wake(update.changed)
        for claimed in update.claimed:
            self._begin(claimed)
        await self._check_own(update.own)

    def _log_state(self, now: Status) -> None:
        """Log a new state of the breaker; only the first worker that notices it does."""
        state = STATES.index(now.state)
        if self._logged.read()[0] == state:
            return
        with self._logged.locked():
            logged, since, *_ = self._logged.read()
            if logged == state or now.now <= since:
                return
            self._logged.write(state, now.now, 0, 0)
        extra = {"failed_in_a_row": now.failed, "last_failure": now.kind or None}
        log.warning(f"the breaker is {now.state}", extra=extra)

    def _forget_progress(self, written: Mapping[ServerRef, Sequence[Mapping[str, object]]]) -> None:
        """Keep only messages that came while the others were being written."""
        for server, messages in written.items():
            left = self._progress.pop(server, [])[len(messages) :]
            if left:
                self._progress[server] = left

    def _begin(self, claimed: ClaimedStart) -> None:
        if claimed.begun_at is None:
            self._metrics.phase_took("queue", claimed.waited)
        server = claimed.server
        self._running[server] = task = asyncio.create_task(self._run_start(claimed))
        task.add_done_callback(functools.partial(self._ended, server))

    async def _check_own(self, own: Sequence[OwnStart]) -> None:
        """Stop starts that no launch waits for, and release those without a task."""
        while self._crashed:
            # others are added to the end meanwhile
            failed = StartFailed(fault().problem(), counts=True)
            self._feed.wake(await self._finish(self._crashed[0], [], failed))
            self._crashed.pop(0)
        for start in own:
            server, task = start.server, self._running.get(start.server)
            if task is None and server not in self._crashed:
                # the acknowledgement of this claim was lost
                await self._store.run(starts.release, server, self._worker_id)
                self._wanted.set()
            elif (
                task
                and start.unwanted
                and server not in self._unstoppable
                and not task.cancelling()
            ):
                task.cancel()

    def _ended(self, server: ServerRef, task: asyncio.Task[None]) -> None:
        if self._running.get(server) is task:
            del self._running[server]
        self._wanted.set()
        if not task.cancelled():
            self._unstoppable.discard(server)
            if error := task.exception():
                extra = {"user": server.user, "server": server.name}
                log.error("the start of a server was given up", exc_info=error, extra=extra)
                self._crashed.append(server)

    async def _finish(
        self,
        server: ServerRef,
        progress: Sequence[Mapping[str, object]],
        outcome: StartOutcome,
        *,
        until_done: bool = False,
    ) -> list[str]:
        write = self._store.run_until_done if until_done else self._store.run
        return await write(
            start_queue.finish, server, self._worker_id, progress, outcome, self.limits
        )

    async def _run_start(self, claimed: ClaimedStart) -> None:
        server = claimed.server

        def add(message: str, percent: int | None) -> None:
            self._progress.setdefault(server, []).append({"message": message, "progress": percent})
            self._wanted.set()

        start = Start(
            self._hub,
            server,
            add,
            begun_at=claimed.begun_at,
            user_options=self._user_options(claimed.wish),
        )
        try:
            outcome = await self._outcome(start)
            async with self._progress_lock:
                progress = list(self._progress.get(server, ()))
                changed = await self._finish(server, progress, outcome, until_done=True)
                self._forget_progress({server: progress})
        except asyncio.CancelledError:
            await self._leave(server, start)
            raise
        self._feed.wake(changed)

    async def _outcome(self, start: Start) -> StartOutcome:
        """How the start ends."""
        began = time.monotonic()
        try:
            ready = await start.run(limit=self._timeout, patience=self._patience)
        except Throttled as busy:
            self._metrics.retried("start")
            return StartThrottled(busy.seconds)
        except NotBegun:
            return StartNotBegun()
        except LauncherError as error:
            return StartFailed(error.problem(), await self._counts(error), lost=start.lost)
        if start.accepted_at:
            self._metrics.phase_took("start", start.accepted_at - began)
            self._metrics.phase_took("ready", time.monotonic() - start.accepted_at)
        return StartSucceeded(ready.at, ready.ours)

    async def _counts(self, error: LauncherError) -> bool:
        """Whether the hub counts the failure among those in a row."""
        if isinstance(error, SpawnRefused) and self.limits.hub_failure_limit:
            known = await version(self._hub)
            return known is None or known < IGNORES_REFUSALS
        return isinstance(error, SpawnFailed | StartTimeout)

    async def _leave(self, server: ServerRef, start: Start) -> None:
        """Stop the start if no launch waits for it; otherwise let another worker take it over.

        While the database is away the start stays ours: it is checked again at the next update.
        """
        with suppress(StoreUnavailable):
            unwanted = await self._store.read(starts.is_unwanted, server)
            if unwanted and await self._stop(server, start):
                if await self._store.run(starts.give_up, server, self._worker_id):
                    return
                # a new launch wants it
                self._feed.wake(await self._store.run(starts.requeue, server, self._worker_id))
            elif start.may_have_begun:
                await self._store.run(starts.release, server, self._worker_id)
            else:
                self._feed.wake(await self._store.run(starts.requeue, server, self._worker_id))

    async def _stop(self, server: ServerRef, start: Start) -> bool:
        """Whether nothing of ours is left at the hub, which takes a second to stop a start."""
        if not await start.is_ours():
            return True
        try:
            with suppress(NotFound):  # it was removed meanwhile
                await stops.stop(self._hub, server)
        except LauncherError:
            # it continues, and the hub counts its outcome
            self._unstoppable.add(server)
            return False
        return True
