"""Runs launches: store it, try the upload, wait for the server, upload, store the result.

A launch is a stored row. One worker advances it step by step, and every step may be repeated: when
that worker dies, another one takes over.
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
    HookMissing,
    HubUnavailable,
    LaunchAbandoned,
    LauncherError,
    OtherEnvironment,
    ServerUnreachable,
    ServerUnresponsive,
    StoreUnavailable,
    fault,
    is_temporary,
)
from launcher.launches.checkouts import CheckoutRuns, Checkouts
from launcher.launches.environments import Environments
from launcher.launches.feed import Feed
from launcher.launches.request import LaunchRequest, is_new, new_launch
from launcher.launches.request import store as store_launch
from launcher.launches.starter import Starter
from launcher.launches.upload import NotOwned, Uploader, UploadState
from launcher.metrics import Metrics
from launcher.outbound import OutboundError
from launcher.store import Store, idempotency, limit, starts
from launcher.store import launches as launch_rows
from launcher.store.launches import Bounds, Launch

log = logging.getLogger("launcher")

# a route may be seconds behind the server; after so many attempts the server cannot be reached
MAX_ATTEMPTS = 12
RETRY_SECONDS = 2.0
LOOK_SECONDS = 30.0
STEP_SECONDS = 1.0
CHECKOUT_SECONDS = 5.0
# shorter than the time after which other workers take over: the lease need not be checked again
FRESH_SECONDS = 4.0
# a launch during which so many workers died is not tried again
MAX_CRASHES = 3


class LaunchEngine:
    """Runs the launches of one worker."""

    def __init__(
        self,
        store: Store,
        uploader: Uploader,
        starter: Starter,
        feed: Feed,
        metrics: Metrics,
        environments: Environments,
        checkouts: Checkouts,
        *,
        worker_id: str,
        patience: float,
        upload_timeout: float,
        bounds: Bounds,
        stopping: Callable[[], bool],
    ) -> None:
        """`worker_id` identifies this worker, `patience` bounds the wait for the hub in seconds.

        `upload_timeout` bounds, in seconds, what a launch may keep its user's server busy; `bounds`
        is what one user may have. `stopping` says whether this process is about to end.
        """
        self._store = store
        self._uploader = uploader
        self._starter = starter
        self._feed = feed
        self._metrics = metrics
        self._environments = environments
        self._checkouts = checkouts
        self._worker_id = worker_id
        self._patience = patience
        self._upload_timeout = upload_timeout
        self._bounds = bounds
        self._stopping = stopping
        self._recording: dict[str, asyncio.Task[Launch]] = {}
        self._running: dict[str, asyncio.Task[Launch | None]] = {}
        self._faults: dict[str, asyncio.Task[None]] = {}
        self._keys: dict[str, str] = {}
        """Hashes of the idempotency keys of running launches, by launch id."""

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

    async def is_new(self, request: LaunchRequest) -> bool:
        """Whether `open` would begin a launch; nothing is changed. Raises as `open` does."""
        launch = new_launch(request, self._worker_id)
        return await self._store.run(is_new, launch, request, self._bounds)

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
            task.exception()  # retrieved, or asyncio logs it when the caller is gone

    async def find(self, launch_id: str) -> Launch | None:
        """The launch with that id, of any user; None if there is none."""
        if not re.fullmatch(r"[0-9a-f]{32}", launch_id):
            return None
        return await self._store.read(launch_rows.find, launch_id)

    async def page(
        self, where: Mapping[str, str], *, before: tuple[float, str] | None, limit: int
    ) -> list[Launch]:
        """At most `limit` launches with these columns, newest first, after `before`."""
        return await self._store.read(launch_rows.page, where, before=before, limit=limit)

    async def ended(self, launch: Launch, seconds: float) -> Launch:
        """Wait until the launch has ended, for at most `seconds`; returns it as it is then."""
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
        found = await self._store.read(launch_rows.find, launch.id)
        return found or launch

    async def cancel(self, launch: Launch) -> Launch:
        """Cancel the launch; removes its notebook, and stops a start that only it waited for.

        Raises Ended.
        """
        cancelled = await self._store.run(_cancel, launch)
        now = await self._now(launch)
        if now.state != "cancelled":
            raise Ended(f"The launch is {now.state}; so it cannot be cancelled any more.")
        if cancelled:
            self._feed.wake([launch.id])
            self._starter.update_soon()
        return now

    def adopt(self, launch: Launch) -> None:
        """Take over a launch whose worker is gone."""
        if self._knows(launch.id):
            return  # another worker had taken it over meanwhile; the task here continues
        log.warning("a launch is taken over", extra=_ids(launch))
        self._metrics.takeover()
        if launch.crashes >= MAX_CRASHES and not launch.ended:
            self._end_with(launch, _abandoned(launch))
        else:
            self._begin(launch, UploadState())

    async def adopt_forgotten(self, launch_ids: Sequence[str]) -> None:
        """Run launches that are stored as this worker's but have no task here.

        The database may have stored a launch although its acknowledgement was lost.
        """
        for launch_id in launch_ids:
            if not self._knows(launch_id):
                launch = await self._store.read(launch_rows.find, launch_id)
                if launch and launch.worker_id == self._worker_id and not self._knows(launch_id):
                    log.warning("a launch is taken over", extra=_ids(launch))
                    self._begin(launch, UploadState())

    def _knows(self, launch_id: str) -> bool:
        return any(launch_id in known for known in (self._recording, self._running, self._faults))

    async def stop(self) -> None:
        """Leave the running launches to other workers."""
        await asyncio.gather(*self._recording.values(), return_exceptions=True)
        tasks = [*self._running.values(), *self._faults.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, launch: Launch, upload: UploadState) -> None:
        task = asyncio.create_task(self._run(launch, upload))
        self._running[launch.id] = task
        task.add_done_callback(functools.partial(self._finished, launch))

    def _finished(self, launch: Launch, task: "asyncio.Task[Launch | None]") -> None:
        del self._running[launch.id]
        self._keys.pop(launch.id, None)
        self._feed.wake([launch.id])
        if not task.cancelled() and (error := task.exception()):
            log.error(
                "a launch failed unexpectedly", exc_info=error, extra={"launch_id": launch.id}
            )
            self._end_with(launch, fault())

    def _end_with(self, launch: Launch, error: LauncherError) -> None:
        task = asyncio.create_task(self._fail_and_report(launch, error))
        self._faults[launch.id] = task
        task.add_done_callback(lambda _: self._faults.pop(launch.id, None))

    async def _fail_and_report(self, launch: Launch, error: LauncherError) -> None:
        logs.request_id.set(launch.request_id or "")
        failed = await self._fail(launch, error)
        self._feed.wake([launch.id])
        if failed:
            self._report_end(failed)

    async def _run(self, launch: Launch, upload: UploadState) -> Launch | None:
        """Run the launch to its end; None when another worker has taken it over."""
        logs.request_id.set(launch.request_id or "")
        current: Launch | None = launch
        while current and not current.ended:
            current = await self._advance(current, upload) or await self._ours(launch)
        if current:
            self._report_end(current)
            if current.state == "cancelled":
                await self._uploader.tidy(launch)
            elif not upload.may_be_there:
                await self._forget_key(current)
        return current

    async def _forget_key(self, launch: Launch) -> None:
        """Release the key of a launch that failed temporarily before anything was written."""
        key_hash = self._keys.get(launch.id)
        if key_hash and launch.problem and is_temporary(launch.problem):
            await self._store.run_until_done(idempotency.forget, key_hash, launch.id)

    def _report_end(self, launch: Launch) -> None:
        """Count a launch that has ended, and log why it failed."""
        problem = launch.problem or {}
        kind = str(problem.get("type", launch.state)).rpartition(":")[2]
        self._metrics.launch_ended(kind)
        if launch.state == "failed":
            extra = {"type": kind, "reason": problem.get("detail"), "launch_id": launch.id}
            extra |= {"user": launch.user, "server": launch.server.name}
            extra |= {"experiment": launch.notebook and launch.notebook.experiment}
            log.warning("a launch failed", extra=extra)

    async def _ours(self, launch: Launch) -> Launch | None:
        """The launch as it is now; None when another worker has taken it over."""
        now = await self._store.run_until_done(launch_rows.find, launch.id)
        return now if now and (now.ended or now.worker_id == self._worker_id) else None

    async def _advance(self, launch: Launch, upload: UploadState) -> Launch | None:
        """Run the next step; None when the launch may not be ours any more."""
        try:
            return await self._step(launch, upload)
        except StoreUnavailable:
            # not a failure of the launch: it continues when the database is back
            await asyncio.sleep(STEP_SECONDS)
            return launch

    async def _step(self, launch: Launch, upload: UploadState) -> Launch | None:
        """One attempt to open it, and what follows; raises StoreUnavailable."""
        began = time.monotonic()
        try:
            path = await self._open(launch, upload)
        except ServerGone as gone:
            return await self._without_server(launch, _reason(gone))
        except CheckoutRuns:
            return await self._while_checked_out(launch)
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
        done = await self._store.run_until_done(launch_rows.done, launch, path)
        await self._starter.server_was_used(launch.server)
        return done

    async def _open(self, launch: Launch, upload: UploadState) -> str | None:
        """The path of its notebook, None without one; raises as `_upload` does.

        Raises also OtherEnvironment and HookMissing, and CheckoutRuns while the project is checked
        out.
        """
        try:
            await self._environments.require(launch)
        except (OtherEnvironment, HookMissing):
            # the hub takes a start that was stopped for a server that runs, for a second
            await self._uploader.require_server(launch)
            raise
        path = None
        if launch.notebook is None:
            await self._uploader.require_server(launch)
        else:
            path = "/".join(await self._upload(launch, upload))
        # it may have been started again meanwhile
        await self._environments.require(launch)
        await self._checkouts.require(launch)
        return path

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

    async def _while_checked_out(self, launch: Launch) -> Launch | None:
        """Wait for the end of the checkout, for a while; None when the launch may not be ours."""
        until = time.monotonic() + CHECKOUT_SECONDS
        current: Launch | None = launch
        while current and not current.ended and (left := until - time.monotonic()) > 0:
            await self._feed.changed(current.id, current.seq, left)
            current = await self._ours(launch)
            if await self._checkouts.have_ended(launch.server):
                break
        return current

    async def _fail(self, launch: Launch, error: LauncherError) -> Launch | None:
        return await self._store.run_until_done(
            launch_rows.end, launch, state="failed", problem=error.problem()
        )

    async def _without_server(self, launch: Launch, reason: str) -> Launch | None:
        """Wait for the launch's server; the launch may have failed with the reason of the start.

        `reason` is why no call reached the server. Raises StoreUnavailable.
        """
        try:
            waiting = await self._queue_again(launch, reason)
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
                waiting, wanted = await self._store.read(_read_again, waiting)
            if not wanted:
                break  # the server is not in the queue: try the upload, then queue it again
        return waiting

    async def _queue_again(self, launch: Launch, reason: str) -> Launch | None:
        """Queue the launch's server again.

        Raises ContentsFailed, ServerUnreachable, QueueFull, StartCooldown, StartsFailing.
        """
        if launch.state == "uploading":
            if launch.attempts >= MAX_ATTEMPTS:
                raise _unreachable(launch, reason)
            if launch.attempts > 1:
                await asyncio.sleep(min(RETRY_SECONDS, 0.1 * 2**launch.attempts))
        return await self._starter.wait_for(launch)


def _ids(launch: Launch) -> dict[str, str | None]:
    return {"launch_id": launch.id, "request_id": launch.request_id}


def _unreachable(launch: Launch, reason: str) -> LauncherError:
    kind = ContentsFailed if launch.notebook else ServerUnreachable
    return kind(
        f"The server runs, but cannot be reached{reason}. Stop it and try again; if this does not"
        " help, ask the hub's administrator."
    )


def _reason(gone: ServerGone) -> str:
    """Why a server could not be reached, as the end of a sentence; '' when unknown."""
    cause: BaseException | None = gone
    while cause and not isinstance(cause, OutboundError):
        cause = cause.__cause__
    reason = str(cause or gone)
    return f": {reason}" if reason else ""


def _abandoned(launch: Launch) -> LaunchAbandoned:
    return LaunchAbandoned(
        f"{launch.crashes} workers of the launcher died during this launch, so it is not tried"
        " again. The launcher's log and its machine's (out of memory?) may say why."
    )


def _cancel(connection: sa.Connection, launch: Launch) -> bool:
    limit.lock(connection)
    if not launch_rows.cancel(connection, launch.id):
        return False
    starts.drop_unwanted(connection, launch.server)
    return True


def _read_again(connection: sa.Connection, launch: Launch) -> tuple[Launch | None, bool]:
    """The launch, None when it is not the caller's any more; and whether its server is wanted."""
    now = launch_rows.find(connection, launch.id)
    if now and not now.ended and now.worker_id != launch.worker_id:
        now = None
    return now, starts.is_wanted(connection, launch.server)
