"""Launches for all participants of a workshop at once: a notebook, or only their servers."""

import asyncio
import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from launcher import logs
from launcher.errors import Ended, KeyReused, NotFound, TooManyRequests
from launcher.hub.users import Identity
from launcher.launches.engine import LaunchEngine
from launcher.store import Store
from launcher.store import workshop_launches as rows
from launcher.store.workshop_launches import Member, WorkshopLaunch
from launcher.store.workshops import Workshop
from launcher.workshops import model
from launcher.workshops.material import Material
from launcher.workshops.open_notebooks import OpenNotebooks
from launcher.workshops.people import Viewer
from launcher.workshops.registry import Workshops, require_teacher

MOST_OPEN = 20
"""Launches of one workshop that have not ended."""
MOST_LISTED = 100
MOST_AHEAD = 30 * 86_400.0
PAST_SECONDS = 60.0
FULL_SECONDS = 600


@dataclass(frozen=True)
class ReportedMember:
    """A participant in the report of a launch for all."""

    member: Member
    is_open: bool | None
    """Whether the notebook is open in the participant's server; None: not known."""


@dataclass(frozen=True)
class ClassReport:
    """What became of a launch for all participants."""

    launch: WorkshopLaunch
    members: list[ReportedMember]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many participants are in each state."""
        return Counter(each.member.state for each in self.members)


class ClassLaunches:
    """The launches for all participants of workshops, as teachers ask for and see them."""

    def __init__(
        self,
        store: Store,
        workshops: Workshops,
        material: Material,
        engine: LaunchEngine,
        opened: OpenNotebooks,
        *,
        lead: float,
    ) -> None:
        """`lead` is how many seconds before their time servers begin to be started."""
        self._store = store
        self._workshops = workshops
        self._material = material
        self._engine = engine
        self._opened = opened
        self._lead = lead

    async def create(
        self,
        viewer: Viewer,
        identity: Identity,
        workshop: str,
        *,
        notebook: str | None,
        at: float | None,
        key: str | None,
    ) -> WorkshopLaunch:
        """Store a launch for all participants, of a notebook or of their servers.

        `at` is when, in seconds since 1970; None: now. The same `key` of the same caller is the
        same launch. Raises Forbidden, NotFound, BadRequest, TooManyRequests, KeyReused.
        """
        found = await self._workshops.find(viewer, identity, workshop)
        require_teacher(viewer)
        if notebook is not None:
            await self._material.require(found.name, notebook)
        now = time.time()
        wanted = now if at is None else _checked(at, now)
        launch = WorkshopLaunch(
            id=_id(found, viewer, key),
            workshop=found.name,
            notebook=notebook,
            at=wanted,
            begins_at=wanted if notebook else max(now, wanted - self._lead),
            created_by=viewer.name,
            created_at=now,
        )
        stored = await self._store.run(rows.insert, launch, MOST_OPEN)
        if stored is None:
            raise TooManyRequests(
                f"{MOST_OPEN} launches of this workshop have not ended, which is the limit. Cancel"
                " one first.",
                retry_after=FULL_SECONDS,
            )
        if stored.notebook != notebook or (at is not None and stored.at != wanted):
            raise KeyReused("This Idempotency-Key was used before with another request.")
        if stored is launch:
            _audit("workshop_launch_created", viewer, launch)
        return stored

    async def find_all(
        self, viewer: Viewer, identity: Identity, workshop: str
    ) -> list[WorkshopLaunch]:
        """The last launches of a workshop, newest first; raises Forbidden, NotFound."""
        found = await self._workshops.find(viewer, identity, workshop)
        require_teacher(viewer)
        return await self._store.read(rows.find_all, found.name, MOST_LISTED)

    async def find(
        self, viewer: Viewer, identity: Identity, workshop: str, launch_id: str
    ) -> WorkshopLaunch:
        """One launch; raises Forbidden, NotFound."""
        found = await self._workshops.find(viewer, identity, workshop)
        require_teacher(viewer)
        launch = await self._store.read(rows.find, found.name, launch_id)
        if launch is None:
            raise NotFound("The workshop has no such launch.")
        return launch

    async def report(
        self, viewer: Viewer, identity: Identity, workshop: str, launch_id: str
    ) -> ClassReport:
        """What became of a launch for each participant; raises Forbidden, NotFound."""
        launch = await self.find(viewer, identity, workshop, launch_id)
        members = await self._store.read(rows.members, launch.id)
        opened = await self._opened.among(members)
        return ClassReport(
            launch, [ReportedMember(each, opened.get(each.user)) for each in members]
        )

    async def cancel(
        self, viewer: Viewer, identity: Identity, workshop: str, launch_id: str
    ) -> WorkshopLaunch:
        """Cancel what has not begun, and the launches that are under way.

        What is done stays. Raises Forbidden, NotFound, Ended.
        """
        launch = await self.find(viewer, identity, workshop, launch_id)
        if launch.ended_at is not None:
            raise Ended("The launch has ended; so it cannot be cancelled any more.")
        under_way = await self._store.run(rows.cancel, launch.id)
        _audit("workshop_launch_cancelled", viewer, launch)
        await asyncio.gather(*(self._cancel(each) for each in under_way))
        return await self.find(viewer, identity, workshop, launch_id)

    async def _cancel(self, launch_id: str) -> None:
        found = await self._engine.find(launch_id)
        if found and not found.ended:
            with suppress(Ended):  # meanwhile
                await self._engine.cancel(found)


def state_of(launch: WorkshopLaunch) -> str:
    """The state of a launch for all: waiting, running, done, failed or cancelled."""
    if launch.cancelled_at is not None:
        return "cancelled"
    if launch.ended_at is not None:
        return "failed" if launch.problem else "done"
    return "waiting" if launch.begun_at is None else "running"


def _id(workshop: Workshop, viewer: Viewer, key: str | None) -> str:
    """The id of a new launch, or of the one that was asked for with the same key."""
    if key is None:
        return uuid.uuid4().hex
    # another workshop may get the name of one that was deleted
    asked = json.dumps([workshop.name, workshop.created_at, viewer.name, key])
    return hashlib.sha256(asked.encode("utf-8")).hexdigest()[:32]


def _checked(at: float, now: float) -> float:
    """The time of a launch; raises BadRequest."""
    if at < now - PAST_SECONDS:
        raise model.wrong("at", "is in the past")
    if at > now + MOST_AHEAD:
        raise model.wrong("at", f"may be {MOST_AHEAD / 86_400:.0f} days ahead at most")
    return at


def _audit(what: str, viewer: Viewer, launch: WorkshopLaunch) -> None:
    fields: dict[str, Any] = {"workshop": launch.workshop, "workshop_launch": launch.id}
    logs.audit(what, by=viewer.name, **fields, notebook=launch.notebook, at=launch.at)
