"""The workshops of the hub."""

from cachetools import TTLCache

from launcher import logs
from launcher.errors import (
    BadRequest,
    Forbidden,
    HubRefused,
    NotFound,
    TooManyRequests,
    WorkshopExists,
)
from launcher.hub import Hub, groups
from launcher.hub.users import Identity
from launcher.singleflight import SingleFlight
from launcher.store import Store, workshop_notebooks
from launcher.store import workshops as rows
from launcher.store.workshops import Workshop
from launcher.workshops import definition
from launcher.workshops.people import Viewer

MOST = 1000
FULL_SECONDS = 3600
# who joins or leaves a group is seen after so long
GROUP_SECONDS = 30.0


class Workshops:
    """The workshops, and who takes part in them."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        self._groups: TTLCache[str, frozenset[str]] = TTLCache(1000, GROUP_SECONDS)
        self._single_flight: SingleFlight[frozenset[str]] = SingleFlight()

    async def of(self, viewer: Viewer, identity: Identity) -> list[Workshop]:
        """The workshops that the viewer may see, the last ones first."""
        found = await self._store.read(rows.find_all)
        return [each for each in found if _may_see(viewer, identity, each)]

    async def find(self, viewer: Viewer, identity: Identity, name: str) -> Workshop:
        """The workshop with that name, if the viewer may see it; raises NotFound."""
        found = await self._store.read(rows.find, name)
        if found is None or not _may_see(viewer, identity, found):
            raise _no_workshop()
        return found

    async def create(self, viewer: Viewer, workshop: Workshop) -> Workshop:
        """Store a new workshop.

        Raises Forbidden, BadRequest, WorkshopExists, TooManyRequests, HubUnavailable.
        """
        require_teacher(viewer)
        await self._check_group(workshop)
        if await self._store.run(rows.insert, workshop, MOST):
            _audit("workshop_created", viewer, workshop.name)
            return workshop
        if await self._store.read(rows.find, workshop.name) is None:
            raise TooManyRequests(
                f"There are {MOST} workshops. Delete old ones first.", retry_after=FULL_SECONDS
            )
        raise WorkshopExists(
            f"There is a workshop {workshop.name!r} already. Choose another name.",
            errors=[{"pointer": "/name", "detail": "is in use; choose another one"}],
        )

    async def replace(self, viewer: Viewer, workshop: Workshop) -> Workshop:
        """Change a workshop; raises Forbidden, BadRequest, NotFound, HubUnavailable."""
        require_teacher(viewer)
        await self._check_group(workshop)
        await self._check_given(workshop)
        if not await self._store.run(rows.replace, workshop):
            raise _no_workshop()
        _audit("workshop_changed", viewer, workshop.name)
        return workshop

    async def remove(self, viewer: Viewer, name: str) -> None:
        """Delete a workshop; raises Forbidden, NotFound."""
        require_teacher(viewer)
        if not await self._store.run(rows.remove, name):
            raise _no_workshop()
        _audit("workshop_removed", viewer, name)

    async def participants(self, workshop: Workshop) -> list[str]:
        """The names of all who take part, sorted.

        Raises HubUnavailable, HubRefused, NotFound.
        """
        members: frozenset[str] = frozenset()
        if workshop.group is not None:
            members = await self._members(workshop.group)
        return sorted(members.union(workshop.users))

    async def _members(self, group: str) -> frozenset[str]:
        known = self._groups.get(group)
        if known is None:
            known = await self._single_flight.share(group, lambda: groups.members(self._hub, group))
            self._groups[group] = known
        return known

    async def _check_group(self, workshop: Workshop) -> None:
        """Raise BadRequest if the members of the group are not known."""
        try:
            if workshop.group is not None:
                await self._members(workshop.group)
        except (NotFound, HubRefused) as error:
            raise _refused("/participants/group", "cannot be used", error.detail) from error

    async def _check_given(self, workshop: Workshop) -> None:
        """Raise BadRequest if a notebook that was given to the class would not belong to it."""
        given = await self._store.read(workshop_notebooks.find_all, workshop.name)
        for each in given:
            if not definition.has(workshop, each.filename):
                detail = f"must have {each.filename}, which was given to the class"
                raise _refused("/notebooks", detail, "Remove it from the workshop first.")


def require_teacher(viewer: Viewer) -> None:
    """Raise Forbidden unless the viewer may see all participants."""
    if not viewer.sees_all:
        raise Forbidden("Only teachers and administrators may do this.")


def _may_see(viewer: Viewer, identity: Identity, workshop: Workshop) -> bool:
    return viewer.sees_all or definition.takes_part(workshop, identity.name, identity.groups)


def _refused(pointer: str, detail: str, advice: str) -> BadRequest:
    sentence = definition.sentence([{"pointer": pointer, "detail": detail}])
    return BadRequest(
        f"{sentence} {advice}", errors=[{"pointer": pointer, "detail": f"{detail}. {advice}"[:-1]}]
    )


def _audit(what: str, viewer: Viewer, workshop: str) -> None:
    logs.audit(what, by=viewer.name, workshop=workshop)


def _no_workshop() -> NotFound:
    return NotFound("There is no such workshop, or you do not take part in it.")
