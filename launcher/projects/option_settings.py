"""Reads the administrator's options of servers (`c.Launcher.server_options`).

Every mistake is a ConfigError whose sentence names the setting, such as
`c.Launcher.server_options["mem_request"].range`.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from launcher.errors import ConfigError
from launcher.projects import option_values
from launcher.projects.option_choices import Choices, ServerOption
from launcher.projects.option_values import Resource, Value

SETTING = "c.Launcher.server_options"
KEYS = ("order", "displayName", "type", "default", "options", "range", "groups", "resource")
GROUP_KEYS = ("options", "range", "default")
TYPES = ("enum", "int", "float", "boolean")
MAX_OPTIONS = 50
MAX_LISTED = 200
MAX_ORDER = 10_000
MAX_DISPLAY_NAME = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
# which key belongs to which type
_KEY_OF = {"enum": "options", "int": "range", "float": "range"}


def read_options(value: Any) -> list[ServerOption]:
    """The options in their order; raises ConfigError."""
    if not isinstance(value, Mapping) or len(value) > MAX_OPTIONS:
        raise ConfigError(f"{SETTING} must be a dictionary of at most {MAX_OPTIONS} options.")
    found = [_read(name, entry, number) for number, (name, entry) in enumerate(value.items(), 1)]
    _check_once(found)
    return sorted(found, key=lambda option: option.order)


def _check_once(options: list[ServerOption]) -> None:
    """Raise ConfigError if two options set the same."""
    setting: dict[str, str] = {}
    for option in options:
        for field in option.resource.sets or (option.resource.name,):
            first = setting.setdefault(field, option.name)
            if first != option.name:
                raise ConfigError(
                    f'{SETTING}["{option.name}"].resource is {option.resource.name}, which'
                    f" {first} sets, too; remove one of the two options."
                )


def _read(name: Any, entry: Any, number: int) -> ServerOption:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{SETTING} must have names of at most 64 letters, digits, _, . and -, beginning with"
            " a letter."
        )
    at = f'{SETTING}["{name}"]'
    _check_keys(entry, KEYS, at)
    resource = option_values.find(
        entry.get("resource", option_values.DEFAULTS.get(name)), f"{at}.resource"
    )
    option = ServerOption(
        name=name,
        order=_order(entry.get("order", number), at),
        display_name=_display_name(entry.get("displayName", name), at),
        type=_type(entry.get("type"), resource, at),
        resource=resource,
        everyone=Choices(resource.kind, False, {False: False, True: True}),
        groups={},
    )
    option = replace(option, everyone=_choices(option, entry, at))
    return replace(option, groups=_groups(option, entry.get("groups", {}), f"{at}.groups"))


def _check_keys(entry: Any, known: tuple[str, ...], at: str) -> None:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{at} must be a dictionary with the keys {', '.join(known)}.")
    for key in entry:
        if key not in known:
            raise ConfigError(f"{at} has the unknown key {key!r}; known are {', '.join(known)}.")


def _order(value: Any, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_ORDER:
        raise ConfigError(f"{at}.order must be a whole number from 0 to {MAX_ORDER}.")
    return value


def _display_name(value: Any, at: str) -> str:
    is_text = isinstance(value, str) and value.strip() and value.isprintable()
    if not is_text or len(value) > MAX_DISPLAY_NAME:
        raise ConfigError(
            f"{at}.displayName must be text of 1 to {MAX_DISPLAY_NAME} characters in one line."
        )
    return str(value)


def _type(value: Any, resource: Resource, at: str) -> str:
    if value not in TYPES:
        raise ConfigError(f"{at}.type must be one of {', '.join(TYPES)}.")
    if value not in resource.kind.types:
        raise ConfigError(
            f"{at}.type must be {' or '.join(resource.kind.types)}, as the option sets"
            f" {resource.name}."
        )
    return str(value)


def _choices(option: ServerOption, entry: Mapping[str, Any], at: str) -> Choices:
    """What everybody may choose."""
    for key in ("options", "range"):
        is_needed = _KEY_OF.get(option.type) == key
        if key in entry and not is_needed:
            raise ConfigError(f"{at}.{key} must be left out, as the type is {option.type}.")
        if is_needed and key not in entry:
            raise ConfigError(f"{at}.{key} is missing: {_LISTS[key]}.")
    if "default" not in entry:
        raise ConfigError(f"{at}.default is missing: the value if the user chooses none.")
    found = _given(option, entry, at, option.everyone)
    return replace(found, default=_default(option, entry["default"], found, at))


_LISTS = {
    "options": "the list of the values that may be chosen",
    "range": "the list of the least and the most value that may be chosen",
}


def _given(option: ServerOption, entry: Mapping[str, Any], at: str, before: Choices) -> Choices:
    """The choices of an entry, or those before."""
    if "options" in entry:
        return replace(before, listed=_listed(option, entry["options"], f"{at}.options"))
    if "range" in entry:
        least, most = _range(option, entry["range"], f"{at}.range")
        return replace(before, listed={}, least=least, most=most)
    return before


def _listed(option: ServerOption, value: Any, at: str) -> dict[Value, Any]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_LISTED:
        raise ConfigError(f"{at} must be a list of 1 to {MAX_LISTED} values.")
    found: dict[Value, Any] = {}
    for index, given in enumerate(value):
        read = _value(option, given, f"{at}[{index}]")
        if read in found:
            raise ConfigError(f"{at}[{index}] is the same as an earlier value; remove one.")
        found[read] = given
    return found


def _range(option: ServerOption, value: Any, at: str) -> tuple[Value, Value]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ConfigError(f"{at} must be a list of two values, the least and the most.")
    least, most = (_value(option, each, f"{at}[{index}]") for index, each in enumerate(value))
    if least > most:  # type: ignore[operator]
        raise ConfigError(f"{at} must have the least value first.")
    return least, most


def _value(option: ServerOption, given: Any, at: str) -> Value:
    try:
        value = option.read(given)
        option.resource.check(value)
    except ValueError as error:
        raise ConfigError(f"{at} {error}.") from error
    return value


def _default(option: ServerOption, given: Any, choices: Choices, at: str) -> Value:
    value = _value(option, given, f"{at}.default")
    if not choices.allows(value):
        raise ConfigError(f"{at}.default {choices.sentence}.")
    return value


def _groups(option: ServerOption, value: Any, at: str) -> dict[str, Choices]:
    """What the members of each group may choose: what everybody may, and more."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{at} must be a dictionary with the names of the hub's groups.")
    found = {}
    for name, entry in value.items():
        if not isinstance(name, str) or not name:
            raise ConfigError(f"{at} must have the names of the hub's groups as keys.")
        found[name] = _of_group(option, entry, f'{at}["{name}"]')
    return found


def _of_group(option: ServerOption, entry: Any, at: str) -> Choices:
    known = tuple(key for key in GROUP_KEYS if key in ("default", _KEY_OF.get(option.type)))
    _check_keys(entry, known, at)
    everyone = option.everyone
    more = _given(option, entry, at, everyone)
    if not more.includes(everyone):
        raise ConfigError(f"{at}.range must include that of everybody: a group may choose more.")
    found = everyone.widened(more)
    if "default" in entry:
        found = replace(found, default=_default(option, entry["default"], found, at))
    return found
