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

import sqlalchemy as sa

from launcher import logs
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
from launcher.launches.feed import Feed
from launcher.launches.request import LaunchRequest, new_launch
from launcher.launches.request import store as store_launch
from launcher.launches.starter import Starter
from launcher.launches.upload import NotOwned, Uploader, UploadState
from launcher.metrics import Metrics
from launcher.outbound import OutboundError
from launcher.store import Store, idempotency, limit, starts
from launcher.store import launches as rows
from launcher.store.launches import Bounds, Launch

log = logging.getLogger("launcher")

# a route may lag behind the server by seconds; a server that is gone each time is another matter
MAX_ATTEMPTS = 12
RETRY_SECONDS = 2.0
LOOK_SECONDS = 30.0
STEP_SECONDS = 1.0
# shorter than a process is taken for alive: a launch that fresh is nobody else's
FRESH_SECONDS = 4.0
# a launch at which so many processes died is not worth another one
MAX_CRASHES = 3


class LaunchEngine:
    """Opens notebooks on users' servers, each launch a stored row advanced step by step."""

    def __init__(
        self,
        store: Store,
        uploader: Uploader,
        starter: Starter,
        feed: Feed,
        metrics: Metrics,
        *,
        worker_id: str,
        patience: float,
        upload_timeout: float,
        bounds: Bounds,
        stopping: Callable[[], bool],
    ) -> None:
        """`worker_id` is the name of this process, `patience` the wait for a hub in seconds.

        `upload_timeout` bounds, in seconds, what a launch may keep its user's server busy; `bounds`
        is what one user may have. `stopping` says whether this process is about to end.
        """
        self._store = store
        self._uploader = uploader
        self._starter = starter
        self._feed = feed
        self._metrics = metrics
        self._worker_id = worker_id
        self._patience = patience
        self._upload_timeout = upload_timeout
        self._bounds = bounds
        self._stopping = stopping
        self._recording: dict[str, asyncio.Task[Launch]] = {}
        self._running: dict[str, asyncio.Task[Launch | None]] = {}
        self._faults: dict[str, asyncio.Task[None]] = {}
        self._keys: dict[str, str] = {}
        """The hashes of the idempotency keys of launches under way, by launch id."""

    async def open(self, request: LaunchRequest) -> Launch:
        """Store a launch and begin it; an earlier launch when its Idempotency-Key says so.

        A caller that is cancelled does not cancel the launch. Raises KeyReused, TooManyLaunches,
        StoreUnavailable.
        """
        launch = new_launch(request, self._worker_id)
        task = asyncio.create_task(self._record(launch, request))
        self._recording[launch.id] = task
        task.add_done_callback(functools.partial(self._recorded, launch.id))
        return await asyncio.shield(task)

    async def _record(self, launch: Launch, request: LaunchRequest) -> Launch:
        """Store the launch and begin it; both happen although the caller is cancelled."""
        stored = await self._store.run(store_launch, launch, request, self._bounds)
        kept = stored.launch
        if kept.id == launch.id:
            if request.key is not None:
                self._keys[kept.id] = request.key_hash()
            sure_until = time.monotonic() + FRESH_SECONDS if stored.holds_path else 0.0
            self._begin(kept, UploadState(sure_until, may_be_there=False))
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
            self._starter.update_soon()
        return now

    def adopt(self, launch: Launch) -> None:
        """Go on with a launch whose process is gone."""
        log.warning("going on with a launch", extra=_ids(launch))
        self._metrics.takeover()
        if launch.crashes >= MAX_CRASHES and not launch.ended:
            self._end_with(launch, _abandoned(launch))
        else:
            self._begin(launch, UploadState())

    async def adopt_forgotten(self, launch_ids: Sequence[str]) -> None:
        """Go on with those launches of this process that no task of it works on.

        The database may have taken a launch without this process being told.
        """
        for launch_id in launch_ids:
            if not self._knows(launch_id):
                launch = await self._store.read(rows.find, launch_id)
                if launch and launch.worker_id == self._worker_id and not self._knows(launch_id):
                    log.warning("going on with a launch", extra=_ids(launch))
                    self._begin(launch, UploadState())

    def _knows(self, launch_id: str) -> bool:
        return any(launch_id in known for known in (self._recording, self._running, self._faults))

    async def stop(self) -> None:
        """Leave the launches under way to another process."""
        await asyncio.gather(*self._recording.values(), return_exceptions=True)
        tasks = [*self._running.values(), *self._faults.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, launch: Launch, upload: UploadState) -> None:
        task = asyncio.create_task(self._see_through(launch, upload))
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

    async def _see_through(self, launch: Launch, upload: UploadState) -> Launch | None:
        """The launch at its end; None when another process goes on with it."""
        logs.request_id.set(launch.request_id or "")
        current: Launch | None = launch
        while current and not current.ended:
            current = await self._advance(current, upload) or await self._ours(launch)
        if current:
            self._tell_end(current)
            if current.state == "cancelled":
                await self._uploader.tidy(launch)
            elif not upload.may_be_there:
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
            extra |= {"user": launch.user, "server": launch.server.name}
            extra |= {"experiment": launch.notebook and launch.notebook.experiment}
            log.warning("a launch failed", extra=extra)

    async def _ours(self, launch: Launch) -> Launch | None:
        """The launch as it is now, None when another process has it."""
        now = await self._store.insist(rows.find, launch.id)
        return now if now and (now.ended or now.worker_id == self._worker_id) else None

    async def _advance(self, launch: Launch, upload: UploadState) -> Launch | None:
        """The launch after its next step; None when it may not be ours any more."""
        try:
            return await self._step(launch, upload)
        except StoreUnavailable:
            # no fault of the launch: it goes on when the database is back
            await asyncio.sleep(STEP_SECONDS)
            return launch

    async def _step(self, launch: Launch, upload: UploadState) -> Launch | None:
        """One attempt to open it, and what follows; raises StoreUnavailable."""
        began = time.monotonic()
        try:
            path = await self._open(launch, upload)
        except ServerGone as gone:
            return await self._without_server(launch, _reason(gone))
        except NotOwned:
            return None
        except HubUnavailable as error:
            # a server that has not seen our token yet asks the hub, which may be restarting
            if time.time() - launch.updated_at > self._patience:
                return await self._fail(launch, error)
            await asyncio.sleep(RETRY_SECONDS)
            return launch
        except StoreUnavailable:
            raise
        except LauncherError as error:
            return await self._fail(launch, error)
        if path:
            self._metrics.phase_took("upload", time.monotonic() - began)
        done = await self._store.insist(rows.done, launch, path)
        await self._starter.server_was_used(launch.server)
        return done

    async def _open(self, launch: Launch, upload: UploadState) -> str | None:
        """The path of its notebook, None without one; raises as `_upload` does."""
        if launch.notebook is None:
            await self._uploader.require_server(launch)
            return None
        return "/".join(await self._upload(launch, upload))

    async def _upload(self, launch: Launch, upload: UploadState) -> tuple[str, ...]:
        """Where the notebook is; raises as `Uploader.upload` does, and ServerUnresponsive."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._upload_timeout - upload.seconds) as timer:
                return await self._uploader.upload(launch, upload)
        except TimeoutError as error:
            if not timer.expired():
                raise
            await self._uploader.discard(launch)
            raise ServerUnresponsive(
                "The user's server did not answer in time. It may be busy: wait and launch again,"
                " or stop the server on the hub's own page first."
            ) from error
        finally:
            upload.seconds += time.monotonic() - began

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
            if waiting.state == "starting" and launch.notebook:
                self._uploader.prepare(launch)
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
            if launch.attempts >= MAX_ATTEMPTS:
                raise ContentsFailed(
                    f"The server runs, but cannot be reached{reason}. Stop it and try again; if it"
                    " stays so, the hub's administrator has to mend it."
                )
            if launch.attempts > 1:
                await asyncio.sleep(min(RETRY_SECONDS, 0.1 * 2**launch.attempts))
        return await self._starter.wait_for(launch)


def _ids(launch: Launch) -> dict[str, str | None]:
    return {"launch_id": launch.id, "request_id": launch.request_id}


def _reason(gone: ServerGone) -> str:
    """Why a server could not be reached, to be put after a sentence; '' when nobody knows."""
    cause: BaseException | None = gone
    while cause and not isinstance(cause, OutboundError):
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
    starts.drop_unwanted(connection, launch.server)
    return True


def _look_again(connection: sa.Connection, launch: Launch) -> tuple[Launch | None, bool]:
    """The launch, None when it is not the caller's any more; and whether its server is wanted."""
    now = rows.find(connection, launch.id)
    if now and not now.ended and now.worker_id != launch.worker_id:
        now = None
    return now, starts.is_wanted(connection, launch.server)
