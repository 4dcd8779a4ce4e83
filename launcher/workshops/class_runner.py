"""Runs the launches for all participants of workshops: each one in one worker.

A launch is stored with its participants. Each step may be repeated: when the worker dies, another
one goes on from the rows, and the idempotency keys begin no launch twice.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from launcher.errors import (
    TYPE_PREFIX,
    BadRequest,
    Ended,
    HubBusy,
    HubRefused,
    HubUnavailable,
    LaunchAbandoned,
    LauncherError,
    NotFound,
    QueueFull,
    ServerLimit,
    StartCooldown,
    StartsFailing,
    StoreUnavailable,
    TooManyLaunches,
    UnknownUser,
)
from launcher.hub import Hub, servers
from launcher.launches.engine import LaunchEngine
from launcher.launches.request import LaunchRequest, NotebookRequest
from launcher.server_ref import ServerRef
from launcher.store import Store
from launcher.store import workshop_launches as rows
from launcher.store import workshops as workshop_rows
from launcher.store.launches import Launch
from launcher.store.workshop_launches import Member, WorkshopLaunch
from launcher.store.workshops import Workshop
from launcher.workshops.material import Material
from launcher.workshops.registry import Workshops

log = logging.getLogger("launcher")

STEP_SECONDS = 1.0
# launches of all workshops that are under way at a time: others' starts find room in the queue
MOST_AT_ONCE = 50
# of the notebooks of those launches: each is in memory until its launch has ended
MOST_BYTES = 64 * 2**20
# launches that begin in one step
BATCH = 10
# an attempt that failed for a reason that passes is repeated for so long
RETRY_SECONDS = 1800.0
# launches of a participant among which one of the notebook is looked for
MOST_COPIES = 100
PAUSE_SECONDS = 15.0
MAX_PAUSE_SECONDS = 120.0
_PASSES = (
    HubBusy,
    HubUnavailable,
    QueueFull,
    ServerLimit,
    StartCooldown,
    StartsFailing,
    StoreUnavailable,
    TooManyLaunches,
)
_PASSING = frozenset(TYPE_PREFIX + kind.slug for kind in _PASSES)


class ClassRunner:
    """Runs launches for all participants in one worker."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        workshops: Workshops,
        material: Material,
        engine: LaunchEngine,
        *,
        worker_id: str,
        max_queued: int,
    ) -> None:
        """`worker_id` is that of this worker; `max_queued` bounds the queue of all starts."""
        self._store = store
        self._hub = hub
        self._workshops = workshops
        self._material = material
        self._engine = engine
        self._worker_id = worker_id
        self._most = max(1, min(MOST_AT_ONCE, max_queued // 2))

    async def run(self) -> None:
        """Begin launches when they are due, until cancelled."""
        while True:
            with suppress(StoreUnavailable):
                await self.step()
            await asyncio.sleep(STEP_SECONDS)

    async def step(self) -> None:
        """Go on with each launch that is due; raises StoreUnavailable."""
        if not await self._store.read(rows.has_due):
            return
        for launch in await self._store.run(rows.claim, self._worker_id):
            await self._go_on(launch)

    async def _go_on(self, launch: WorkshopLaunch) -> None:
        workshop = await self._store.read(workshop_rows.find, launch.workshop)
        if workshop is None:
            return  # deleted, and the launch with it
        if launch.begun_at is None:
            await self._resolve(launch, workshop)
            return
        for member in await self._store.read(rows.ended, launch.id):
            await self._record_end(launch, member)
        if launch.cancelled_at is None:
            await self._begin_some(launch, workshop)
        await self._store.run(rows.end_if_done, launch.id)

    async def _resolve(self, launch: WorkshopLaunch, workshop: Workshop) -> None:
        """Store who takes part now; tries again later while the hub does not say it."""
        try:
            users = await self._workshops.participants(workshop)
        except (HubUnavailable, HubRefused, NotFound) as error:
            is_last = time.time() > launch.begins_at + RETRY_SECONDS
            if launch.problem is None:
                extra = {"workshop": workshop.name, "reason": error.detail}
                log.warning("the participants of a workshop are not known", extra=extra)
            await self._store.run(rows.record_problem, launch.id, error.problem(), ends=is_last)
            return
        await self._store.run(rows.begin, launch.id, users)

    async def _record_end(self, launch: WorkshopLaunch, member: Member) -> None:
        problem = member.problem
        if member.state == "failed" and problem is None:
            # it ended so long ago that its row was deleted
            problem = LaunchAbandoned("How the launch ended is not known any more.").problem()
        if member.state == "failed" and problem:
            await self._failed(launch, member, problem)
        else:
            await self._end(launch, member, member.state, problem)

    async def _failed(
        self, launch: WorkshopLaunch, member: Member, problem: Mapping[str, Any]
    ) -> None:
        """Let the participant wait for another attempt, or record why there is none."""
        now = time.time()
        pause = min(MAX_PAUSE_SECONDS, max(PAUSE_SECONDS, float(problem.get("retry_after") or 0)))
        if problem["type"] in _PASSING and now + pause < _last_try(launch):
            again = (launch.id, member.user, problem, now + pause)
            if await self._store.run(rows.try_again, *again):
                return
        await self._end(launch, member, "failed", problem)

    async def _end(
        self,
        launch: WorkshopLaunch,
        member: Member,
        state: str,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        await self._store.run(rows.record_end, launch.id, member.user, state, problem)

    async def _begin_some(self, launch: WorkshopLaunch, workshop: Workshop) -> None:
        """Begin as many launches as there is room for."""
        room = self._most - await self._store.read(rows.under_way)
        members = await self._store.read(rows.waiting, launch.id, min(BATCH, max(0, room)))
        if not members:
            return
        notebook, since = None, 0.0
        if launch.notebook is not None:
            try:
                size = await self._material.size(workshop.name, launch.notebook)
                if room <= self._most - max(1, MOST_BYTES // max(1, size)):
                    return
                notebook = await self._material.notebook(workshop, launch.notebook)
                since = (await self._material.require(workshop.name, launch.notebook)).published_at
            except (NotFound, BadRequest) as error:  # removed meanwhile
                for member in members:
                    await self._end(launch, member, "failed", error.problem())
                return
        for member in members:
            await self._begin(launch, member, notebook, since)

    async def _begin(
        self,
        launch: WorkshopLaunch,
        member: Member,
        notebook: NotebookRequest | None,
        since: float,
    ) -> None:
        try:
            begun = await self._open(launch, member, notebook, since)
        except StoreUnavailable:
            raise  # the same attempt is repeated
        except LauncherError as error:
            await self._failed(launch, member, error.problem())
            return
        if not await self._store.run(rows.record_begun, launch.id, member.user, begun.id):
            with suppress(Ended):  # the launch for all was cancelled meanwhile
                await self._engine.cancel(begun)

    async def _open(
        self,
        launch: WorkshopLaunch,
        member: Member,
        notebook: NotebookRequest | None,
        since: float,
    ) -> Launch:
        """The participant's launch: a new one, or that of a worker that died before it said so.

        Or the one that opened this version of the notebook, which was published at `since`.
        """
        try:
            user = await servers.canonical_name(self._hub, member.user)
        except (UnknownUser, ValueError) as error:
            raise UnknownUser(f"The hub does not know the user {member.user!r}.") from error
        if notebook and (earlier := await self._copy_of(user, notebook, since)):
            return earlier
        return await self._engine.open(
            LaunchRequest(
                user=user,
                server=ServerRef(user, ""),
                key=_key(launch, member),
                notebook=notebook,
            )
        )

    async def _copy_of(self, user: str, notebook: NotebookRequest, since: float) -> Launch | None:
        """The user's last launch of the notebook since that time that is done or under way."""
        where = {"user": user, "experiment": notebook.experiment}
        for launch in await self._engine.page(where, before=None, limit=MOST_COPIES):
            named = launch.notebook and launch.notebook.filename == notebook.target.filename
            lost = launch.state in ("failed", "cancelled")
            if named and not lost and launch.created_at >= since:
                return launch
        return None


def _last_try(launch: WorkshopLaunch) -> float:
    return max(launch.begun_at or 0.0, launch.at) + RETRY_SECONDS


def _key(launch: WorkshopLaunch, member: Member) -> str:
    """The idempotency key of the next attempt for a participant."""
    text = f"{launch.id} {member.attempts}"
    return f"workshop-{hashlib.sha256(text.encode()).hexdigest()}"
