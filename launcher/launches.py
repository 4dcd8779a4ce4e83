"""STORY: put a launch down, try the upload, wait for the server, upload, say where it is.

A launch is a stored row. The process that holds it brings it to its end, step by step, and every
step may be repeated: when the process dies, another one goes on.
"""

import asyncio
import functools
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from launcher import logs, orders
from launcher.contents import ServerGone
from launcher.errors import (
    ContentsFailed,
    Ended,
    HubUnavailable,
    LaunchAbandoned,
    LauncherError,
    ServerUnresponsive,
    StoreUnavailable,
    fault,
    is_temporary,
)
from launcher.feed import Feed
from launcher.metrics import Metrics
from launcher.orders import NotebookRequest, Order
from launcher.outbound import Unreachable
from launcher.placing import Attempt, NotOurs, Placing
from launcher.starting import Starter
from launcher.store import Store, idempotency, limit, starts
from launcher.store import launches as rows
from launcher.store.launches import Bounds, Launch

log = logging.getLogger("launcher")

# a route may lag behind the server by seconds; a server that is gone each time is another matter
MAX_ROUNDS = 12
ROUND_SECONDS = 2.0
LOOK_SECONDS = 30.0
STEP_SECONDS = 1.0
# shorter than a process is taken for alive: a launch that fresh is nobody else's
FRESH_SECONDS = 4.0
# a launch at which so many processes died is not worth another one
MAX_CRASHES = 3


class Launches:
    """Opens notebooks on users' servers, each launch a stored row advanced step by step."""

    def __init__(
        self,
        store: Store,
        placing: Placing,
        starter: Starter,
        feed: Feed,
        metrics: Metrics,
        *,
        holder: str,
        patience: float,
        upload_timeout: float,
        bounds: Bounds,
        stopping: Callable[[], bool],
    ) -> None:
        """`holder` is the name of this process, `patience` the wait for a hub in seconds.

        `upload_timeout` bounds, in seconds, what a launch may keep its user's server busy; `bounds`
        is what one user may have. `stopping` says whether this process is about to end.
        """
        self._store = store
        self._placing = placing
        self._starter = starter
        self._feed = feed
        self._metrics = metrics
        self._holder = holder
        self._patience = patience
        self._upload_timeout = upload_timeout
        self._bounds = bounds
        self._stopping = stopping
        self._recording: dict[str, asyncio.Task[Launch]] = {}
        self._running: dict[str, asyncio.Task[Launch | None]] = {}
        self._faults: dict[str, asyncio.Task[None]] = {}
        self._keys: dict[str, str] = {}
        """The hashes of the idempotency keys of launches under way, by launch id."""

    async def open(
        self, order: Order, notebook: dict[str, Any], request: NotebookRequest
    ) -> Launch:
        """The launch, written down and under way; an earlier one when its key says so.

        A caller that is cancelled does not take it back. Raises KeyReused, TooManyLaunches,
        StoreUnavailable.
        """
        launch = orders.new_launch(order, notebook, request, self._holder)
        task = asyncio.create_task(self._record(launch, order, request))
        self._recording[launch.id] = task
        task.add_done_callback(functools.partial(self._recorded, launch.id))
        return await asyncio.shield(task)

    async def _record(self, launch: Launch, order: Order, request: NotebookRequest) -> Launch:
        """Write the launch down and begin it: whoever is cancelled, the two belong together."""
        kept, surely_held = await self._store.run(
            orders.put_down, launch, order, request, self._bounds
        )
        if kept.id == launch.id:
            if order.key is not None:
                self._keys[kept.id] = order.key_hash()
            sure_until = time.monotonic() + FRESH_SECONDS if surely_held else 0.0
            self._begin(kept, Attempt(sure_until, may_be_there=False))
        return kept

    def _recorded(self, launch_id: str, task: "asyncio.Task[Launch]") -> None:
        del self._recording[launch_id]
        if not task.cancelled():
            task.exception()  # seen: else asyncio complains when the caller went away

    async def find(self, launch_id: str) -> Launch | None:
        """The launch with that id, whoever's it is."""
        if not re.fullmatch(r"[0-9a-f]{32}", launch_id):
            return None
        return await self._store.read(rows.find, launch_id)

    async def page(
        self, where: Mapping[str, str], *, before: tuple[float, str] | None, limit: int
    ) -> list[Launch]:
        """At most `limit` launches with these columns, newest first, after `before`."""
        return await self._store.read(rows.page, where, before=before, limit=limit)

    async def ended(self, launch: Launch, seconds: float) -> Launch:
        """The launch when it has ended, or as it is when the time has passed."""
        until = time.monotonic() + seconds
        while not launch.ended and not self._stopping() and time.monotonic() < until:
            step = min(until - time.monotonic(), STEP_SECONDS)
            if task := self._running.get(launch.id):
                await asyncio.wait([task], timeout=step)
                if task.done() and not task.cancelled() and not task.exception():
                    launch = task.result() or launch
            elif await self._feed.changed(launch.id, launch.seq, step):
                launch = await self._now(launch)
        return launch if launch.ended else await self._now(launch)

    async def _now(self, launch: Launch) -> Launch:
        found = await self._store.read(rows.find, launch.id)
        return found or launch

    async def cancel(self, launch: Launch) -> Launch:
        """The launch, cancelled: no notebook of it stays, and no start that only it waited for.

        Raises Ended.
        """
        cancelled = await self._store.run(_cancel, launch)
        now = await self._now(launch)
        if now.state != "cancelled":
            raise Ended(f"The launch is {now.state}; there is nothing to cancel any more.")
        if cancelled:
            self._feed.wake([launch.id])
            self._starter.look()
        return now

    def adopt(self, launch: Launch) -> None:
        """Go on with a launch whose process is gone."""
        log.warning("going on with a launch", extra=_ids(launch))
        self._metrics.takeover()
        if launch.crashes >= MAX_CRASHES and not launch.ended:
            self._end_with(launch, _abandoned(launch))
        else:
            self._begin(launch, Attempt())

    async def adopt_forgotten(self, launch_ids: Sequence[str]) -> None:
        """Go on with those launches of this process that no task of it works on.

        The database may have taken a launch without this process being told.
        """
        for launch_id in launch_ids:
            if not self._knows(launch_id):
                launch = await self._store.read(rows.find, launch_id)
                if launch and launch.holder == self._holder and not self._knows(launch_id):
                    log.warning("going on with a launch", extra=_ids(launch))
                    self._begin(launch, Attempt())

    def _knows(self, launch_id: str) -> bool:
        return any(launch_id in known for known in (self._recording, self._running, self._faults))

    async def stop(self) -> None:
        """Leave the launches under way to another process."""
        await asyncio.gather(*self._recording.values(), return_exceptions=True)
        tasks = [*self._running.values(), *self._faults.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, launch: Launch, attempt: Attempt) -> None:
        task = asyncio.create_task(self._see_through(launch, attempt))
        self._running[launch.id] = task
        task.add_done_callback(functools.partial(self._finished, launch))

    def _finished(self, launch: Launch, task: "asyncio.Task[Launch | None]") -> None:
        del self._running[launch.id]
        self._keys.pop(launch.id, None)
        self._feed.wake([launch.id])
        if not task.cancelled() and (error := task.exception()):
            log.error("a launch was given up", exc_info=error, extra={"launch_id": launch.id})
            self._end_with(launch, fault())

    def _end_with(self, launch: Launch, error: LauncherError) -> None:
        task = asyncio.create_task(self._fail_and_tell(launch, error))
        self._faults[launch.id] = task
        task.add_done_callback(lambda _: self._faults.pop(launch.id, None))

    async def _fail_and_tell(self, launch: Launch, error: LauncherError) -> None:
        logs.request_id.set(launch.request_id or "")
        failed = await self._fail(launch, error)
        self._feed.wake([launch.id])
        if failed:
            self._tell_end(failed)

    async def _see_through(self, launch: Launch, attempt: Attempt) -> Launch | None:
        """The launch at its end; None when another process goes on with it."""
        logs.request_id.set(launch.request_id or "")
        current: Launch | None = launch
        while current and not current.ended:
            current = await self._advance(current, attempt) or await self._ours(launch)
        if current:
            self._tell_end(current)
            if current.state == "cancelled":
                await self._placing.tidy(launch)
            elif not attempt.may_be_there:
                await self._forget_key(current)
        return current

    async def _forget_key(self, launch: Launch) -> None:
        """Let the key of a launch that failed before it began anything be used again."""
        key_hash = self._keys.get(launch.id)
        if key_hash and launch.problem and is_temporary(launch.problem):
            await self._store.insist(idempotency.forget, key_hash, launch.id)

    def _tell_end(self, launch: Launch) -> None:
        """Count a launch that has ended, and tell the log why when it failed."""
        problem = launch.problem or {}
        kind = str(problem.get("type", launch.state)).rpartition(":")[2]
        self._metrics.launch_ended(kind)
        if launch.state == "failed":
            extra = {"type": kind, "reason": problem.get("detail"), "launch_id": launch.id}
            extra |= {"user": launch.user, "experiment": launch.experiment}
            log.warning("a launch failed", extra=extra)

    async def _ours(self, launch: Launch) -> Launch | None:
        """The launch as it is now, None when another process has it."""
        now = await self._store.insist(rows.find, launch.id)
        return now if now and (now.ended or now.holder == self._holder) else None

    async def _advance(self, launch: Launch, attempt: Attempt) -> Launch | None:
        """The launch after its next step; None when it may not be ours any more."""
        try:
            return await self._step(launch, attempt)
        except StoreUnavailable:
            # no fault of the launch: it goes on when the database is back
            await asyncio.sleep(STEP_SECONDS)
            return launch

    async def _step(self, launch: Launch, attempt: Attempt) -> Launch | None:
        """One try of the upload, and what follows from it; raises StoreUnavailable."""
        began = time.monotonic()
        try:
            path = await self._upload(launch, attempt)
        except ServerGone as gone:
            return await self._without_server(launch, _reason(gone))
        except NotOurs:
            return None
        except HubUnavailable as error:
            # a server that has not seen our token yet asks the hub, which may be restarting
            if time.time() - launch.updated_at > self._patience:
                return await self._fail(launch, error)
            await asyncio.sleep(ROUND_SECONDS)
            return launch
        except StoreUnavailable:
            raise
        except LauncherError as error:
            return await self._fail(launch, error)
        self._metrics.phase_took("upload", time.monotonic() - began)
        done = await self._store.insist(rows.done, launch, "/".join(path))
        await self._starter.notice(launch.user)
        return done

    async def _upload(self, launch: Launch, attempt: Attempt) -> tuple[str, ...]:
        """Where the notebook is; raises what `place` does, and ServerUnresponsive."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._upload_timeout - attempt.seconds) as timer:
                return await self._placing.place(launch, attempt)
        except TimeoutError as error:
            if not timer.expired():
                raise
            await self._placing.discard(launch)
            raise ServerUnresponsive(
                "The user's server did not answer in time. It may be busy: wait and launch again,"
                " or stop the server on the hub's own page first."
            ) from error
        finally:
            attempt.seconds += time.monotonic() - began

    async def _fail(self, launch: Launch, error: LauncherError) -> Launch | None:
        return await self._store.insist(rows.end, launch, state="failed", problem=error.problem())

    async def _without_server(self, launch: Launch, reason: str) -> Launch | None:
        """The launch once its server was started, or with the reason why it was not.

        `reason` is why no call reached the server. Raises StoreUnavailable.
        """
        try:
            waiting = await self._wait_again(launch, reason)
        except StoreUnavailable:
            raise
        except LauncherError as error:
            return await self._fail(launch, error)
        while waiting and waiting.state in starts.WAITING:
            if waiting.state == "starting":
                self._placing.prepare(launch)
            await self._feed.changed(waiting.id, waiting.seq, LOOK_SECONDS)
            wanted = True
            with suppress(StoreUnavailable):
                waiting, wanted = await self._store.read(_look_again, waiting)
            if not wanted:
                break  # nobody starts the server: look whether it is there, and ask again
        return waiting

    async def _wait_again(self, launch: Launch, reason: str) -> Launch | None:
        """The launch, waiting for its server; raises ContentsFailed, QueueFull, StartsFailing."""
        if launch.state == "uploading":
            if launch.rounds >= MAX_ROUNDS:
                raise ContentsFailed(
                    f"The server runs, but cannot be reached{reason}. Stop it and try again; if it"
                    " stays so, the hub's administrator has to mend it."
                )
            if launch.rounds > 1:
                await asyncio.sleep(min(ROUND_SECONDS, 0.1 * 2**launch.rounds))
        return await self._starter.wait_for(launch)


def _ids(launch: Launch) -> dict[str, str | None]:
    return {"launch_id": launch.id, "request_id": launch.request_id}


def _reason(gone: ServerGone) -> str:
    """Why a server could not be reached, to be put after a sentence; '' when nobody knows."""
    cause: BaseException | None = gone
    while cause and not isinstance(cause, Unreachable):
        cause = cause.__cause__
    reason = str(cause or gone)
    return f": {reason}" if reason else ""


def _abandoned(launch: Launch) -> LaunchAbandoned:
    return LaunchAbandoned(
        f"{launch.crashes} processes of the launcher ended while they worked on this launch, so it"
        " is not tried again. The launcher's log and its machine's (out of memory?) may say why."
    )


def _cancel(connection: sa.Connection, launch: Launch) -> bool:
    limit.lock(connection)
    if not rows.cancel(connection, launch.id):
        return False
    starts.drop_unwanted(connection, launch.user)
    return True


def _look_again(connection: sa.Connection, launch: Launch) -> tuple[Launch | None, bool]:
    """The launch, None when it is not the caller's any more; and whether its server is wanted."""
    now = rows.find(connection, launch.id)
    if now and not now.ended and now.holder != launch.holder:
        now = None
    return now, starts.is_wanted(connection, launch.user)
