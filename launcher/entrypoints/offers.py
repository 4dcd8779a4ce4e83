"""Options, which types offer, as entrypoints of a user.

An option is not stored until the user selects it, and only while it is selected. Its id is made of
its user, type and name, so that it is the same each time.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from launcher.entrypoints import checks
from launcher.entrypoints.model import Entrypoint, EntrypointType, Offer, System
from launcher.errors import EntrypointAmbiguous, EntrypointRetired


def option_id(user: str, type_name: str, name: str) -> str:
    """The id of a user's entrypoint that is an option of a type; 32 hexadecimal digits."""
    text = json.dumps([user, type_name, name])
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def is_option(entrypoint: Entrypoint) -> bool:
    """Whether the entrypoint was made from an option, rather than added by its user."""
    this = entrypoint
    return this.id == option_id(this.user, this.type, this.name)


def is_offered(entrypoint: Entrypoint, kind: EntrypointType) -> bool:
    """Whether its data are those of an option: also of what a user added before the type was so."""
    return not kind.mutable or is_option(entrypoint)


async def offered(user: str, kind: EntrypointType, system: System) -> list[Entrypoint]:
    """What the type offers on the system, as entrypoints; raises LauncherError."""
    options = await kind.options(user, system)
    return [_entrypoint(user, kind, each, system) for each in options if _is_usable(each)]


def _is_usable(option: Offer) -> bool:
    return checks.is_printable(checks.normalized(option.name))


def _entrypoint(user: str, kind: EntrypointType, option: Offer, system: System) -> Entrypoint:
    name = checks.normalized(option.name)
    return Entrypoint(
        id=option_id(user, kind.name, name),
        user=user,
        name=name,
        type=kind.name,
        data=dict(option.data),
        systems=(system.name,),
    )


@dataclass(frozen=True)
class Offers:
    """What all types offer on a system, and the errors of those that could not say."""

    known: list[Entrypoint]
    errors: list[BaseException]

    def find(self, id_or_name: str) -> Entrypoint | None:
        """The one with that id or name.

        Raises EntrypointAmbiguous, or the error of a type that may offer it.
        """
        by_id = [each for each in self.known if each.id == id_or_name]
        if by_id:
            return by_id[0]
        if self.errors:
            raise self.errors[0]
        found = [each for each in self.known if each.name == id_or_name]
        if len(found) > 1:
            types = ", ".join(each.type for each in found)
            raise EntrypointAmbiguous(
                f"The types {types} offer an entrypoint {checks.shown(id_or_name)}. Name it by its"
                " id."
            )
        return found[0] if found else None


async def offered_by_all(user: str, kinds: Iterable[EntrypointType], system: System) -> Offers:
    """What all types offer on the system."""
    asked = (offered(user, kind, system) for kind in kinds)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return Offers(
        known=[each for some in answers if isinstance(some, list) for each in some],
        errors=[each for each in answers if isinstance(each, BaseException)],
    )


async def current(entrypoint: Entrypoint, kind: EntrypointType, system: System) -> Entrypoint:
    """The entrypoint with the data that its option has now; raises EntrypointRetired."""
    for each in await offered(entrypoint.user, kind, system):
        if each.name == entrypoint.name:
            return merged(entrypoint, each)
    raise EntrypointRetired(
        f"{kind.display_name} {checks.shown(entrypoint.name)} is not offered on"
        f" {system.display_name} any more. Select another entrypoint."
    )


def merged(stored: Entrypoint, option: Entrypoint) -> Entrypoint:
    """The stored entrypoint with the data of its option, on the systems of both."""
    systems = tuple(sorted({*stored.systems, *option.systems}))
    return replace(stored, data=option.data, systems=systems)
