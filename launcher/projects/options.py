"""The options of servers for projects: what a user may choose, and what it means for a server."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from launcher.errors import (
    BadRequest,
    ConfigError,
    LauncherError,
    OptionOutOfRange,
    SpawnNotPossible,
)
from launcher.projects.option_choices import ServerOption
from launcher.projects.option_settings import SETTING, read_options
from launcher.projects.option_values import Value
from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification

POINTER = "/serverOptions"
MAX_ERRORS = 20
NO_SPECIFICATION = SpawnSpecification()
_PAIRS = (("cpu_guarantee", "cpu_limit"), ("mem_guarantee", "mem_limit"))


@dataclass(frozen=True)
class AppliedOptions:
    """What the chosen options mean for a server."""

    specification: SpawnSpecification = NO_SPECIFICATION
    lfs: bool = False
    """Whether the checkout fetches the files of git-lfs."""
    submodules: bool = False
    """Whether the checkout fetches submodules."""
    warnings: tuple[Mapping[str, str], ...] = ()
    """Options that the spawner cannot apply: `option`, `detail` and `type`."""


class ServerOptions:
    """The options of a site, in the administrator's order."""

    def __init__(self, options: Iterable[ServerOption] = ()) -> None:
        self._options = {option.name: option for option in options}

    def offered(self, groups: Collection[str]) -> dict[str, Any]:
        """The body of `GET /server_options` for a member of these groups of the hub."""
        return {name: option.offered(groups) for name, option in self._options.items()}

    def choose(
        self, given: Mapping[str, Any], groups: Collection[str], pointer: str = POINTER
    ) -> dict[str, Any]:
        """The value of each option as JSON, with the defaults for members of these groups.

        Equal values are written the same: 1024M is 1G. Raises BadRequest for unknown options and
        values of another type, and OptionOutOfRange for values that these members may not choose.
        """
        if not isinstance(given, Mapping):
            raise _problem(BadRequest, {"": "must be an object with the names of options"}, pointer)
        wrong = {name: self._unknown() for name in given if name not in self._options}
        values, outside = {}, {}
        for name, option in self._options.items():
            choices = option.choices(groups)
            try:
                values[name] = option.read(given[name]) if name in given else choices.default
            except ValueError as error:
                wrong[name] = str(error)
                continue
            if not choices.allows(values[name]):
                outside[name] = choices.sentence
        if wrong:
            raise _problem(BadRequest, wrong, pointer)
        if outside := outside or self._contradictions(values):
            raise _problem(OptionOutOfRange, outside, pointer)
        return {
            name: option.choices(groups).write(values[name])
            for name, option in self._options.items()
        }

    def apply(
        self,
        chosen: Mapping[str, Any],
        fields: Collection[str] | None,
        groups: Collection[str] | None = None,
    ) -> AppliedOptions:
        """What a server gets, from the stored result of `choose`.

        `fields` are those of a specification that the spawner's adapter can apply; None: all of
        them. Options that exist no more are ignored, and new ones have the default for everybody.
        Values are checked again, as far as members of `groups` may choose them; None: members of
        any group. Warns of those that have no effect, unless they are as by default. Raises
        SpawnNotPossible, also for essential options that cannot be applied.
        """
        values = self._checked(chosen, groups)
        merged: dict[str, Any] = {}
        warnings = []
        for name, option in self._options.items():
            found = option.resource.specification(values[name])
            if not found or fields is None or option.resource.field in fields:
                _merge(merged, found)
            elif option.resource.is_essential:
                if values[name]:
                    raise _problem(SpawnNotPossible, {name: _CANNOT})
            elif values[name] != option.choices(groups or ()).default:
                warnings.append(_not_enforced(option))
        try:
            specification = SpawnSpecification.from_json(merged)
        except SpecificationError as error:
            raise SpawnNotPossible(f"The options of this server do not fit: {error}") from error
        switched = {self._options[name].resource.name for name, on in values.items() if on is True}
        return AppliedOptions(
            specification, "lfs" in switched, "submodules" in switched, tuple(warnings)
        )

    def without_effect(self, fields: Collection[str]) -> frozenset[str]:
        """The names of the options that have no effect if a spawner applies only these fields.

        Essential ones are not among them: without them, no server starts.
        """
        return frozenset(
            name
            for name, option in self._options.items()
            if option.resource.field not in ("", *fields) and not option.resource.is_essential
        )

    def check(self) -> None:
        """Raise ConfigError if a server cannot have all of the defaults together."""
        groups = {name for option in self._options.values() for name in option.groups}
        for members in ((), *((name,) for name in sorted(groups))):
            defaults = {
                name: option.choices(members).default for name, option in self._options.items()
            }
            for name, sentence in self._contradictions(defaults).items():
                raise ConfigError(f'{SETTING}["{name}"].default {sentence}.')

    def _unknown(self) -> str:
        known = ", ".join(self._options)
        return f"is not an option of this site; known are {known}" if known else _NONE

    def _checked(
        self, chosen: Mapping[str, Any], groups: Collection[str] | None
    ) -> dict[str, Value]:
        values, wrong = {}, {}
        for name, option in self._options.items():
            choices = option.choices(option.groups if groups is None else groups)
            try:
                values[name] = (
                    option.read(chosen[name]) if name in chosen else option.everyone.default
                )
                if not choices.allows(values[name]):
                    raise ValueError(choices.sentence)
            except ValueError as error:
                wrong[name] = f"{error} now. Choose another value, and start the server anew"
        if wrong := wrong or self._contradictions(values):
            raise _problem(SpawnNotPossible, wrong)
        return values

    def _contradictions(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Options that guarantee more than another one allows, each with a sentence."""
        setting = {
            field: name for name, option in self._options.items() for field in option.resource.sets
        }
        return {
            setting[least]: f"must not be above {setting[most]}"
            for least, most in _PAIRS
            if least in setting and most in setting
            and values[setting[least]] > values[setting[most]]
        }  # fmt: skip


_NONE = "is not an option: this site has no options of servers"
_CANNOT = (
    "cannot be applied: the spawner of this system has no adapter that sets it. Choose 0, or start"
    " the server on another system"
)


def _merge(merged: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Add a specification to another one; both are JSON."""
    for name, value in found.items():
        if isinstance(value, Mapping):
            _merge(merged.setdefault(name, {}), value)
        else:
            merged[name] = value


def _not_enforced(option: ServerOption) -> dict[str, str]:
    detail = (
        f"{option.display_name} has no effect: the spawner of this system has no adapter that"
        f" sets it."
    )
    return {"option": option.name, "detail": detail, "type": "not_enforced"}


def _problem(
    kind: type[LauncherError], sentences: Mapping[str, str], pointer: str = POINTER
) -> LauncherError:
    """An error for options, each with the end of a sentence; it contains no value of a user."""
    named = list(sentences.items())[:MAX_ERRORS]
    first, sentence = named[0]
    subject = f"The option {first[:64]!r}" if first else pointer.rpartition("/")[2]
    errors = [{"pointer": _pointer(pointer, name), "detail": each} for name, each in named]
    return kind(f"{subject} {sentence}.", errors=errors)


def _pointer(base: str, name: str) -> str:
    """The JSON pointer (RFC 6901) of an option."""
    escaped = name[:64].replace("~", "~0").replace("/", "~1")
    return f"{base}/{escaped}" if name else base


def read_server_options(value: Any) -> ServerOptions:
    """The options of `c.Launcher.server_options`; raises ConfigError."""
    found = ServerOptions(read_options(value))
    found.check()
    return found
