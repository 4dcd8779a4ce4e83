"""Whether an entrypoint can be used on a system now: its configuration, data and validation."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from launcher.entrypoints import checks, offers
from launcher.entrypoints.model import Entrypoint, EntrypointType, Report, System, Validator
from launcher.errors import (
    BadRequest,
    EntrypointInvalid,
    EntrypointRetired,
    Forbidden,
    NotOnSystem,
)
from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification


class EntrypointChecker:
    """Checks entrypoints against the configured systems and types, with the site's validator."""

    def __init__(
        self,
        *,
        systems: Mapping[str, System],
        types: Mapping[str, EntrypointType],
        validator: Validator,
        seconds: float,
    ) -> None:
        """`seconds` bounds the check of an entrypoint on a system."""
        self._seconds = seconds
        self._systems = systems
        self._types = types
        self._validator = validator

    def system(self, name: str) -> System:
        """The configured system with that name; raises NotFound."""
        if name not in self._systems:
            raise checks.not_found("system", name, self._systems)
        return self._systems[name]

    def kind(self, name: str) -> EntrypointType:
        """The configured type with that name; raises NotFound."""
        if name not in self._types:
            raise checks.not_found("entrypoint type", name, self._types)
        return self._types[name]

    def require_mutable(self, kind: EntrypointType) -> None:
        """Raise Forbidden for a type whose entrypoints the site manages."""
        if not kind.mutable:
            raise Forbidden(
                f"Entrypoints of the type {kind.display_name} are managed by this site: select one"
                " of those that it offers. Users do not add, edit or remove them."
            )

    def require_own(self, entrypoint: Entrypoint) -> None:
        """Raise Forbidden for an entrypoint that is the site's, not its user's."""
        if kind := self._types.get(entrypoint.type):
            self.require_mutable(kind)
        if offers.is_option(entrypoint):
            raise Forbidden(
                f"The entrypoint {checks.shown(entrypoint.name)} is offered by this site, so it"
                " cannot be edited or removed. Clear the selection instead."
            )

    def is_retired(self, entrypoint: Entrypoint, system: str) -> bool:
        """Whether the system or the entrypoint's type has left the configuration."""
        return system not in self._systems or entrypoint.type not in self._types

    def kind_in_use(self, entrypoint: Entrypoint) -> EntrypointType:
        """The entrypoint's type; raises EntrypointRetired."""
        kind = self._types.get(entrypoint.type)
        if kind is None:
            raise EntrypointRetired(
                f"The type {checks.shown(entrypoint.type)} of the entrypoint"
                f" {checks.shown(entrypoint.name)} is not configured any more. Select another"
                " entrypoint."
            )
        return kind

    def _system_in_use(self, entrypoint: Entrypoint, name: str) -> System:
        if name not in self._systems and name not in entrypoint.systems:
            return self.system(name)
        if name not in self._systems:
            raise EntrypointRetired(
                f"The system {checks.shown(name)} is not configured any more, so no server starts"
                f" in {checks.shown(entrypoint.name)} there."
            )
        return self._systems[name]

    def parse_data(self, kind: EntrypointType, data: Any) -> dict[str, Any]:
        """A copy of data that are valid for the type; raises BadRequest."""
        copy = checks.parse_data(kind, data)
        try:
            kind.specification(copy)
        except SpecificationError as error:
            raise BadRequest(f"data cannot be used: {error}") from error
        return copy

    async def check(self, entrypoint: Entrypoint, systems: Iterable[str]) -> None:
        """Look at the systems whether the entrypoint is there; raises EntrypointInvalid."""
        places = [self.system(name) for name in systems]
        reports = await asyncio.gather(*(self._look(entrypoint, place) for place in places))
        for place, report in zip(places, reports, strict=True):
            if not report.result:
                hosts = tuple(host for each in reports for host in each.hosts)
                raise _invalid(entrypoint, place, replace(report, hosts=hosts))

    async def _look(self, entrypoint: Entrypoint, system: System) -> Report:
        kind = self.kind_in_use(entrypoint)
        try:
            async with asyncio.timeout(self._seconds):
                return await kind.validate(
                    entrypoint.user, system, entrypoint.data, self._validator
                )
        except TimeoutError:
            sentence = f"The check did not end within {self._seconds:g} seconds. Try again later."
            return Report(False, sentence)

    async def report(self, entrypoint: Entrypoint, system: str) -> Report:
        """Whether a server can start in the entrypoint on the system now, and why not.

        Raises NotFound for an unknown system.
        """
        try:
            now = await self.current(entrypoint, system)
        except (EntrypointRetired, EntrypointInvalid, NotOnSystem) as error:
            return Report(False, error.detail)
        return await self._look(now, self.system(system))

    async def current(self, entrypoint: Entrypoint, system: str) -> Entrypoint:
        """The entrypoint with its data as of now, which fit the schema.

        Raises EntrypointRetired, EntrypointInvalid, NotOnSystem or NotFound.
        """
        place = self._system_in_use(entrypoint, system)
        kind = self.kind_in_use(entrypoint)
        if offers.is_offered(entrypoint, kind):
            entrypoint = await offers.current(entrypoint, kind, place)
        elif system not in entrypoint.systems:
            raise checks.not_on(entrypoint, system)
        return self.with_valid_data(entrypoint, place)

    def with_valid_data(self, entrypoint: Entrypoint, system: System) -> Entrypoint:
        """The entrypoint with a copy of its data; raises EntrypointInvalid."""
        try:
            data = self.parse_data(self.kind_in_use(entrypoint), entrypoint.data)
        except BadRequest as error:
            raise _invalid(entrypoint, system, Report(False, error.detail)) from error
        return replace(entrypoint, data=data)

    async def specification(self, entrypoint: Entrypoint, system: str) -> SpawnSpecification:
        """How a server starts in the entrypoint on the system; raises as `current`."""
        now = await self.current(entrypoint, system)
        await self.check(now, [system])
        return self.kind_in_use(now).specification(now.data)


def _invalid(entrypoint: Entrypoint, system: System, report: Report) -> EntrypointInvalid:
    return EntrypointInvalid(
        f"The entrypoint {checks.shown(entrypoint.name)} cannot be used on"
        f" {system.display_name}: {report.message}",
        members={"report": report.to_json()},
    )
