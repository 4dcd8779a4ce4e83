"""The field Environment of the form of a launch: what can be chosen, by system."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from launcher.entrypoints import checks
from launcher.entrypoints.model import Entrypoint, System
from launcher.parts import Parts
from launcher.web.environment_list import listed

DEFAULT = "the hub's default environment"


@dataclass(frozen=True)
class EnvironmentOption:
    """An environment that can be chosen; `value` has its system and its name or id."""

    value: str
    label: str
    entrypoint_id: str = ""


@dataclass(frozen=True)
class EnvironmentGroup:
    """What can be chosen on a system."""

    system: System
    options: tuple[EnvironmentOption, ...]
    is_complete: bool
    """False if the site's offers are not known now."""


@dataclass(frozen=True)
class EnvironmentChoice:
    """The field of the form."""

    as_selected: str
    """What the user's servers start in if nothing is chosen."""
    groups: tuple[EnvironmentGroup, ...]
    chosen: str
    """The value that is chosen; '' for the selection."""
    extra: EnvironmentOption | None = None
    """What is chosen, if no group has it."""
    problem: str = ""
    """Why it cannot be chosen, as a sentence without the full stop."""

    @property
    def label(self) -> str:
        """What is chosen, for people; '' for the selection."""
        options = [option for group in self.groups for option in group.options]
        found = [option.label for option in [*options, self.extra] if option]
        values = [option.value for option in [*options, self.extra] if option]
        return found[values.index(self.chosen)] if self.chosen else ""


def value_of(notebook: Mapping[str, str]) -> str:
    """The value of the field for the fields `entrypoint` and `system`; '' without both."""
    system, entrypoint = notebook["system"], notebook["entrypoint"]
    return f"{system}/{entrypoint}" if system or entrypoint else ""


def fields_of(value: str) -> dict[str, str]:
    """The fields `entrypoint` and `system` for a value of the field."""
    # names of systems have no slash
    system, _, entrypoint = value.partition("/")
    return {"entrypoint": entrypoint, "system": system}


async def choice(parts: Parts, user: str, notebook: Mapping[str, str]) -> EnvironmentChoice | None:
    """The field, filled in; None if the site has no systems."""
    systems = list(parts.registry.systems.values())
    if not systems:
        return None
    own = await parts.registry.of_user(user)
    selections = await parts.registry.selections(user)
    groups = [await _group(parts, user, system, own) for system in systems]
    as_selected = _as_selected(systems, selections)
    value = value_of(notebook)
    if not value:
        return EnvironmentChoice(as_selected, tuple(groups), "")
    found = _found(groups, notebook)
    if len(found) == 1:
        return EnvironmentChoice(as_selected, tuple(groups), found[0].value)
    problem = _problem(groups, selections, notebook, len(found))
    extra = EnvironmentOption(value, _label(parts, notebook))
    return EnvironmentChoice(as_selected, tuple(groups), value, extra, problem)


def _as_selected(systems: list[System], selections: Mapping[str, Entrypoint]) -> str:
    names = [
        selections[system.name].name if system.name in selections else DEFAULT for system in systems
    ]
    if len(set(names)) == 1:
        return names[0]
    pairs = zip(names, systems, strict=True)
    return ", ".join(f"{name} on {system.display_name}" for name, system in pairs)


async def _group(
    parts: Parts, user: str, system: System, own: list[Entrypoint]
) -> EnvironmentGroup:
    """What can be chosen on a system."""
    kinds = list(parts.registry.types.values())
    lists = await asyncio.gather(*(listed(parts, user, system, kind) for kind in kinds))
    found = [each for some in lists for each in some.entrypoints]
    return EnvironmentGroup(
        system,
        tuple(_options(found, own, system)),
        is_complete=not any(some.unavailable for some in lists),
    )


def _options(
    found: list[Entrypoint], own: list[Entrypoint], system: System
) -> Iterator[EnvironmentOption]:
    """Each by its name, which means the same to others; by its id if the name means another."""
    stored = {each.name: each.id for each in own}
    count = Counter(each.name for each in found)
    for each in found:
        is_clear = stored.get(each.name, each.id) == each.id and (
            count[each.name] == 1 or each.name in stored
        )
        named = each.name if is_clear and not checks.is_id(each.name) else each.id
        yield EnvironmentOption(f"{system.name}/{named}", each.name, each.id)


def _found(groups: list[EnvironmentGroup], notebook: Mapping[str, str]) -> list[EnvironmentOption]:
    """The options that the fields `entrypoint` and `system` stand for."""
    system, entrypoint = notebook["system"], checks.normalized(notebook["entrypoint"])
    return [
        option
        for group in groups
        if system in ("", group.system.name)
        for option in group.options
        if entrypoint in (option.entrypoint_id, fields_of(option.value)["entrypoint"])
    ]


def _problem(
    groups: list[EnvironmentGroup],
    selections: Mapping[str, Entrypoint],
    notebook: Mapping[str, str],
    found: int,
) -> str:
    """Why what is chosen is not an option; '' if it may be one all the same."""
    system, entrypoint = notebook["system"], notebook["entrypoint"]
    of_system = [group for group in groups if system in ("", group.system.name)]
    if not of_system:
        return f"This site has no system “{_short(system)}”; choose an environment"
    if not entrypoint:
        is_selected = system in selections
        return "" if is_selected else f"Nothing is selected on “{system}”; choose an environment"
    if found:
        return f"“{_short(entrypoint)}” is on several systems; choose one of them"
    if all(group.is_complete for group in of_system):
        where = f" on {of_system[0].system.display_name}" if system else ""
        return f"You have no environment “{_short(entrypoint)}”{where}; choose another one"
    return ""


def _label(parts: Parts, notebook: Mapping[str, str]) -> str:
    """What is chosen and is no option, for people."""
    known = parts.registry.systems.get(notebook["system"])
    system = known.display_name if known else _short(notebook["system"])
    entrypoint = _short(notebook["entrypoint"])
    if not entrypoint:
        return f"As selected on {system}"
    return f"{entrypoint} ({system})" if system else entrypoint


def _short(text: str) -> str:
    """The beginning of a text of a link."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:64])
