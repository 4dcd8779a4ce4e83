"""The registry of entrypoints: what users have on each system, and which one they selected."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from launcher.entrypoints import changes, checks, offers
from launcher.entrypoints.checker import EntrypointChecker
from launcher.entrypoints.model import Entrypoint, EntrypointType, Report, System, Validator
from launcher.errors import NotFound
from launcher.spawn.specification import SpawnSpecification
from launcher.store import Store
from launcher.store import entrypoints as rows

# below the time that the hub's spawn hook has for a start
CHECK_SECONDS = 11.0


class Registry:
    """Entrypoints and selections of all users.

    Hosts and services are asked before a transaction begins, never inside one.
    """

    def __init__(
        self,
        store: Store,
        *,
        systems: Mapping[str, System],
        types: Mapping[str, EntrypointType],
        validator: Validator,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        """`check_seconds` bounds each check of an entrypoint on a system."""
        self.systems = systems
        """The configured systems, by name."""
        self.types = types
        """The configured types, by name."""
        self._store = store
        self._checker = EntrypointChecker(
            systems=systems, types=types, validator=validator, seconds=check_seconds
        )

    async def add(
        self, user: str, *, name: str, type: str, data: Any, systems: Iterable[str]
    ) -> Entrypoint:
        """Add an entrypoint, which is looked for on all its systems.

        Raises BadRequest, NotFound, Forbidden, EntrypointExists, EntrypointInvalid or
        TooManyEntrypoints.
        """
        kind = self._checker.kind(type)
        self._checker.require_mutable(kind)
        new = Entrypoint(
            id=uuid.uuid4().hex,
            user=user,
            name=checks.parse_name(name),
            type=type,
            data=self._checker.parse_data(kind, data),
            systems=checks.parse_systems(systems, self.systems),
        )
        await self._store.read(changes.check_room, user, new.name)
        await self._checker.check(new, new.systems)
        await self._store.run(changes.add, new)
        return new

    async def edit(
        self,
        user: str,
        id: str,
        *,
        name: str | None = None,
        data: Any = None,
        systems: Iterable[str] | None = None,
    ) -> Entrypoint:
        """Change an entrypoint; None leaves a field as it is.

        Selections on systems that stay are kept. Systems that are not configured any more stay.
        Raises as `add`, and EntrypointRetired or EntrypointChanged.
        """
        before = await self._own(user, id)
        kind = self._checker.kind_in_use(before)
        if data is None and systems is not None:
            data = before.data  # the schema may be another one since
        changed = replace(
            before,
            name=before.name if name is None else checks.parse_name(name),
            data=before.data if data is None else self._checker.parse_data(kind, data),
            systems=before.systems if systems is None else self._systems_of(before, systems),
        )
        await self._store.read(changes.check_free, user, changed.name, changed.id)
        await self._checker.check(changed, self._to_check(before, changed))
        await self._store.run(changes.edit, changed, before)
        return changed

    def _systems_of(self, before: Entrypoint, systems: Iterable[str]) -> tuple[str, ...]:
        retired = [name for name in before.systems if name not in self.systems]
        known = {*self.systems, *retired}
        return tuple(sorted({*checks.parse_systems(systems, known), *retired}))

    def _to_check(self, before: Entrypoint, changed: Entrypoint) -> list[str]:
        """The systems on which a change makes a difference."""
        same = set(before.systems) if changed.data == before.data else set()
        return [name for name in changed.systems if name in self.systems and name not in same]

    async def remove(self, user: str, id: str) -> None:
        """Remove an entrypoint and its selections; raises NotFound or Forbidden."""
        entrypoint = await self._own(user, id)
        await self._store.run(changes.remove, user, entrypoint.id)

    async def _own(self, user: str, id: str) -> Entrypoint:
        """The entrypoint with that id, which the user may change."""
        found = changes.entrypoint_of(await self._store.read(changes.find_by_id, user, id))
        self._checker.require_own(found)
        return found

    async def select(
        self, user: str, system: str, *, id: str | None = None, name: str | None = None
    ) -> Entrypoint:
        """Select an entrypoint of the user, or what a type offers, on a system.

        Raises as `find`, and EntrypointExists for an option whose name is that of another
        entrypoint, EntrypointInvalid for one whose data are not valid.
        """
        if id is not None and not checks.is_id(id):
            await self._store.read(changes.find_by_id, user, id)  # raises NotFound
        wanted = await self.find(user, id or name or "", system)
        if offers.is_offered(wanted, self._checker.kind_in_use(wanted)):
            valid = self._checker.with_valid_data(wanted, self._checker.system(system))
            return await self._store.run(changes.select_option, valid, system)
        return await self._store.run(changes.select, user, wanted.id, system)

    async def clear(self, user: str, system: str) -> None:
        """Clear the selection on a system, if there is one; raises NotFound."""
        self._refuse_unstorable(system)
        if not await self._store.run(changes.clear, user, system):
            self._checker.system(system)

    async def selected(self, user: str, system: str) -> Entrypoint | None:
        """The entrypoint that the user selected on a system; raises NotFound.

        The selection on a system that is not configured any more is still returned.
        """
        self._refuse_unstorable(system)
        row = await self._store.read(rows.selected, user, system)
        if row is None:
            self._checker.system(system)
        return changes.entrypoint_of(row) if row else None

    def _refuse_unstorable(self, system: str) -> None:
        if not checks.is_storable(system):
            self._checker.system(system)

    async def find(self, user: str, id_or_name: str, system: str | None = None) -> Entrypoint:
        """The user's entrypoint with that id or name; raises NotFound.

        With a system, it is one that can be selected there, or what a type offers there now. Raises
        also NotOnSystem, EntrypointRetired or EntrypointAmbiguous then.
        """
        if system is None:
            return changes.entrypoint_of(await self._store.read(changes.find, user, id_or_name))
        place = self._checker.system(system)
        row = await self._store.read(changes.find_or_none, user, id_or_name)
        if row is None:
            return await self._find_offered(user, id_or_name, place)
        stored = changes.entrypoint_of(row)
        kind = self._checker.kind_in_use(stored)
        if offers.is_offered(stored, kind):
            return await offers.current(stored, kind, place)
        if system not in stored.systems:
            raise checks.not_on(stored, system)
        return stored

    async def _find_offered(self, user: str, id_or_name: str, system: System) -> Entrypoint:
        there_are = await offers.offered_by_all(user, self.types.values(), system)
        found = there_are.find(checks.normalized(id_or_name))
        if found is None:
            own = await self._store.read(rows.of_user, user)
            names = {each.name for each in own} | {each.name for each in there_are.known}
            raise checks.not_found("entrypoint", id_or_name, sorted(names))
        return found

    async def of_user(self, user: str) -> list[Entrypoint]:
        """All entrypoints of the user by name, also retired ones.

        Options are among them only while they are selected.
        """
        return [changes.entrypoint_of(row) for row in await self._store.read(rows.of_user, user)]

    async def of_type(self, user: str, system: str, type: str) -> list[Entrypoint]:
        """What the user can select of a type on a system: their own, then what the type offers.

        Raises NotFound for an unknown system or type.
        """
        place, kind = self._checker.system(system), self._checker.kind(type)
        stored = [each for each in await self.of_user(user) if each.type == type]
        own = [e for e in stored if system in e.systems and not offers.is_offered(e, kind)]
        kept = {each.name: each for each in stored if offers.is_offered(each, kind)}
        options = await offers.offered(user, kind, place)
        return own + [
            offers.merged(kept[each.name], each) if each.name in kept else each for each in options
        ]

    async def selections(self, user: str) -> dict[str, Entrypoint]:
        """What the user selected, by system; also on systems that are not configured any more."""
        found = await self._store.read(rows.selections_of, user)
        return {system: changes.entrypoint_of(row) for system, row in found.items()}

    def retired(self, entrypoint: Entrypoint, system: str) -> bool:
        """Whether the system, or the entrypoint's type, has left the configuration."""
        return self._checker.is_retired(entrypoint, system)

    async def validate(self, user: str, entrypoint: Entrypoint, system: str) -> Report:
        """Look again whether a server can start in the entrypoint; raises NotFound."""
        _require_owner(user, entrypoint)
        return await self._checker.report(entrypoint, system)

    async def specification(
        self, user: str, entrypoint: Entrypoint, system: str
    ) -> SpawnSpecification:
        """How a server of the user starts in the entrypoint on a system.

        The validator looks again. Raises EntrypointRetired, EntrypointInvalid, NotOnSystem or
        NotFound; an entrypoint that cannot be used is never replaced by another one.
        """
        _require_owner(user, entrypoint)
        return await self._checker.specification(entrypoint, system)


def _require_owner(user: str, entrypoint: Entrypoint) -> None:
    if entrypoint.user != user:
        raise NotFound(f"There is no entrypoint {checks.shown(entrypoint.id)}.")
