"""What the page Environments shows of a system: the selection, and the entrypoints by type."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from launcher.entrypoints import needs, offers
from launcher.entrypoints.model import Entrypoint, EntrypointType, Report, System
from launcher.errors import OffersUnavailable
from launcher.parts import Parts
from launcher.store import spawners
from launcher.store.spawners import Spawner

# a page does not wait longer for the service with a site's images
LIST_SECONDS = 3.0


@dataclass
class Item:
    """An entrypoint in a list."""

    entrypoint: Entrypoint
    details: list[tuple[str, str]]
    """Titles and values of its data."""
    is_selected: bool = False
    is_own: bool = False
    """Whether its user may edit and remove it."""
    cannot: tuple[str, ...] = ()
    """The fields of its specification that the system's spawner cannot set."""
    report: Report | None = None
    """What was found when it was checked again."""
    error: str = ""
    """Why what was asked for was not possible."""


@dataclass
class Section:
    """The entrypoints of a type."""

    kind: EntrypointType
    items: list[Item] = field(default_factory=list)
    cannot: tuple[str, ...] = ()
    """The fields that all of them set, and the system's spawner cannot."""
    unavailable: str = ""
    """Why the site's offers are not known now."""


@dataclass(frozen=True)
class Retired:
    """An entrypoint that starts no server any more, because the configuration has changed."""

    entrypoint: Entrypoint
    type_name: str
    systems: tuple[str, ...]
    """Those of its systems that are not configured any more."""
    is_type_gone: bool
    selected_on: tuple[str, ...]
    """Where it is selected, if it is an option: these selections can be cleared."""

    @property
    def is_own(self) -> bool:
        """Whether its user added it, and can remove it."""
        return not offers.is_option(self.entrypoint)


@dataclass(frozen=True)
class Tab:
    """What the page shows of a system."""

    system: System
    spawner: Spawner | None
    """What starts servers there; None if it is not known yet."""
    selected: Entrypoint | None
    selected_type: str
    is_available: bool
    """Whether the selected one is still in the configuration, and offered."""
    sections: list[Section]

    def item(self, entrypoint_id: str) -> Item | None:
        """The item of an entrypoint."""
        items = (item for section in self.sections for item in section.items)
        return next((item for item in items if item.entrypoint.id == entrypoint_id), None)


async def tab(parts: Parts, user: str, system: System) -> Tab:
    """What the user has on a system, and what the site offers there."""
    registry = parts.registry
    spawner = await parts.store.read(spawners.find, system.name)
    selected = await registry.selected(user, system.name)
    kinds = registry.types.values()
    sections = await asyncio.gather(
        *(_section(parts, user, system, kind, selected, spawner) for kind in kinds)
    )
    return Tab(
        system=system,
        spawner=spawner,
        selected=selected,
        selected_type=type_name(parts, selected) if selected else "",
        is_available=selected is None or _is_listed(sections, selected),
        sections=sections,
    )


def _is_listed(sections: Iterable[Section], selected: Entrypoint) -> bool:
    """Whether the selected entrypoint is in a list, or may be in one that is not known now."""
    return any(
        (section.unavailable and section.kind.name == selected.type)
        or any(item.is_selected for item in section.items)
        for section in sections
    )


@dataclass(frozen=True)
class Listed:
    """What a user can select of a type on a system."""

    entrypoints: list[Entrypoint]
    unavailable: str = ""
    """Why what the site offers is not among them."""


async def listed(parts: Parts, user: str, system: System, kind: EntrypointType) -> Listed:
    """What the user can select; without the site's offers if they are not known soon."""
    try:
        async with asyncio.timeout(LIST_SECONDS):
            return Listed(await parts.registry.of_type(user, system.name, kind.name))
    except OffersUnavailable as error:
        reason = error.detail
    except TimeoutError:
        reason = f"What this site offers was not known within {LIST_SECONDS:.0f} seconds."
    stored = await parts.registry.of_user(user)
    own = [each for each in stored if each.type == kind.name and system.name in each.systems]
    return Listed(own, reason)


async def _section(
    parts: Parts,
    user: str,
    system: System,
    kind: EntrypointType,
    selected: Entrypoint | None,
    spawner: Spawner | None,
) -> Section:
    section = Section(kind, cannot=_cannot(needs.usual_fields(kind), spawner))
    found = await listed(parts, user, system, kind)
    section.unavailable = found.unavailable
    for each in found.entrypoints:
        section.items.append(
            Item(
                each,
                details=list(details(kind, each)),
                is_selected=selected is not None and selected.id == each.id,
                is_own=not offers.is_offered(each, kind),
                cannot=_cannot(needs.fields_of(kind, each.data), spawner),
            )
        )
    return section


def _cannot(fields: Sequence[str], spawner: Spawner | None) -> tuple[str, ...]:
    if spawner is None:
        return ()
    return tuple(name for name in fields if name not in spawner.fields)


def details(kind: EntrypointType, entrypoint: Entrypoint) -> Iterator[tuple[str, str]]:
    """The titles and values of an entrypoint's data; what is the same as its name is left out."""
    properties = kind.schema.get("properties", {})
    for name, value in entrypoint.data.items():
        shown = properties.get(name, {})
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if shown.get("format") == "password":
            text = "…"
        if text != entrypoint.name:
            yield shown.get("title", name), text


def type_name(parts: Parts, entrypoint: Entrypoint) -> str:
    """The name of an entrypoint's type for people."""
    kind = parts.registry.types.get(entrypoint.type)
    return kind.display_name if kind else entrypoint.type


async def retired(parts: Parts, user: str) -> list[Retired]:
    """The user's entrypoints whose type, or all of whose systems, left the configuration."""
    registry = parts.registry
    selections = await registry.selections(user)
    found = []
    for each in await registry.of_user(user):
        if all(registry.retired(each, system) for system in each.systems):
            found.append(
                Retired(
                    each,
                    type_name=type_name(parts, each),
                    systems=tuple(name for name in each.systems if name not in registry.systems),
                    is_type_gone=each.type not in registry.types,
                    selected_on=tuple(
                        system for system, chosen in selections.items() if chosen.id == each.id
                    ),
                )
            )
    return found
