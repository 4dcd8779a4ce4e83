"""Reads the settings of the registry: systems, types and the validator.

Every mistake is a ConfigError whose sentence names the setting, such as
`c.Launcher.systems[0].name`.
"""

import copy
import importlib.util
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from jsonschema import Draft4Validator, SchemaError

from launcher import formats
from launcher.entrypoints import classes
from launcher.entrypoints.model import EntrypointType, System, Validator
from launcher.errors import ConfigError

Named = TypeVar("Named", System, EntrypointType)

SYSTEMS = "c.Launcher.systems"
TYPES = "c.Launcher.entrypoint_types"
VALIDATOR = "c.Launcher.validator"
OPTIONS = "c.Launcher.validator_options"

_OWN_TYPES = "launcher.entrypoints.types"
BUILT_IN_TYPES: Mapping[str, Mapping[str, Any]] = {
    "conda": {"class": f"{_OWN_TYPES}.conda:CondaType"},
    "script": {"class": f"{_OWN_TYPES}.script:ScriptType"},
    "image": {"class": f"{_OWN_TYPES}.image:ImageType"},
    "shifter": {
        "class": f"{_OWN_TYPES}.image:ImageType",
        "command_prefix": ["shifter", "--image={image}"],
    },
}
BUILT_IN_VALIDATORS = {
    "none": "launcher.entrypoints.validators.none:NoValidator",
    "local": "launcher.entrypoints.validators.local:LocalValidator",
    "ssh": "launcher.entrypoints.validators.ssh:SshValidator",
}

MAX_DISPLAY_NAME = 200
# a part of URLs
_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,64}", re.ASCII)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_SYSTEM_KEYS = ("name", "display_name", "hostname", "user_options")


def read_systems(value: Any) -> dict[str, System]:
    """The systems of `c.Launcher.systems` by their names; raises ConfigError."""
    return _by_name([_system(entry, at) for at, entry in _entries(value, SYSTEMS)], SYSTEMS)


def read_types(value: Any) -> dict[str, EntrypointType]:
    """The types of `c.Launcher.entrypoint_types` by their names; raises ConfigError."""
    return _by_name([_type(entry, at) for at, entry in _entries(value, TYPES)], TYPES)


def read_validator(value: Any, options: Mapping[str, Any]) -> Validator:
    """The validator of `c.Launcher.validator`: a built-in name, a class or its name.

    `options` are the keywords of its constructor. Raises ConfigError.
    """
    if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
        raise ConfigError(f'{OPTIONS} must be a dictionary, such as {{"roots": ["/opt/envs"]}}.')
    if value == "ssh" and importlib.util.find_spec("asyncssh") is None:
        raise ConfigError(
            f'{VALIDATOR} is "ssh", which needs a package: pip install'
            ' "jupyterhub-experiment-launcher[ssh]"'
        )
    named = BUILT_IN_VALIDATORS.get(value, value) if isinstance(value, str) else value
    if isinstance(named, str) and not re.search("[.:]", named):
        known = ", ".join(BUILT_IN_VALIDATORS)
        raise ConfigError(f'{VALIDATOR} must be one of {known}, or a class such as "module:Class".')
    found = classes.find(named, Validator, VALIDATOR)  # type: ignore[type-abstract]
    return classes.construct(found, options, OPTIONS)


def _entries(value: Any, setting: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The entries of a list with the names of their places in the configuration."""
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{setting} must be a list of dictionaries.")
    for index, entry in enumerate(value):
        if not isinstance(entry, Mapping) or not all(isinstance(key, str) for key in entry):
            raise ConfigError(f'{setting}[{index}] must be a dictionary, such as {{"name": "a"}}.')
    return [(f"{setting}[{index}]", entry) for index, entry in enumerate(value)]


def _by_name(found: list[Named], setting: str) -> dict[str, Named]:
    """The systems or types by their names, each of which is used once."""
    by_name: dict[str, Named] = {}
    for index, each in enumerate(found):
        if each.name in by_name:
            raise ConfigError(
                f"{setting}[{index}].name is {each.name!r}, which another entry has; choose"
                " another name."
            )
        by_name[each.name] = each
    return by_name


def _system(entry: Mapping[str, Any], at: str) -> System:
    if unknown := sorted(entry.keys() - set(_SYSTEM_KEYS)):
        raise ConfigError(f"{at}.{unknown[0]} is unknown; known are: {', '.join(_SYSTEM_KEYS)}.")
    name = _name(entry, at)
    return System(
        name=name,
        display_name=_display_name(entry, at),
        hostname=_hostname(entry.get("hostname", ""), at),
        user_options=_user_options(entry.get("user_options", {}), at),
    )


def _type(entry: Mapping[str, Any], at: str) -> EntrypointType:
    name = _name(entry, at)
    common = {
        "name": name,
        "display_name": _display_name(entry, at),
        "mutable": _mutable(entry.get("mutable", True), at),
        "help_link": _help_link(entry.get("help_link", ""), at),
    }
    given = entry.get("class", name)
    built_in = BUILT_IN_TYPES.get(given, {}) if isinstance(given, str) else {}
    own = {key: value for key, value in entry.items() if key != "class"}
    keywords = {"class": entry.get("class"), **built_in, **own, **common}
    value = keywords.pop("class")
    if value is None:
        raise ConfigError(
            f"{at}.class is missing: {name!r} is not one of the built-in names"
            f" {', '.join(BUILT_IN_TYPES)}."
        )
    kind = classes.find(value, EntrypointType, f"{at}.class")  # type: ignore[type-abstract]
    found = classes.construct(kind, keywords, at)
    _check_schema(found, at)
    return found


def _check_schema(found: EntrypointType, at: str) -> None:
    schema = getattr(found, "schema", {})
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        raise ConfigError(
            f"{at}.class is {type(found).__name__}, whose schema must have the type object and"
            " additionalProperties: False."
        )
    try:
        Draft4Validator.check_schema(schema)
    except SchemaError as error:
        raise ConfigError(
            f"{at}.class is {type(found).__name__}, whose schema is not valid: {error.message}."
        ) from error


def _name(entry: Mapping[str, Any], at: str) -> str:
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{at}.name must be 1 to 64 letters, digits, '-', '_' and '.', because it is a part of"
            " URLs."
        )
    return name


def _display_name(entry: Mapping[str, Any], at: str) -> str:
    shown = entry.get("display_name", entry.get("name"))
    is_text = isinstance(shown, str) and shown.strip() and shown.isprintable()
    if not is_text or len(shown) > MAX_DISPLAY_NAME:
        raise ConfigError(
            f"{at}.display_name must be text of 1 to {MAX_DISPLAY_NAME} characters in one line."
        )
    return str(shown)


def _hostname(value: Any, at: str) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not _HOSTNAME.fullmatch(value):
        raise ConfigError(
            f"{at}.hostname must be a host name such as perlmutter.nersc.gov, without a user or a"
            " port, or ''."
        )
    return value


def _user_options(value: Any, at: str) -> Mapping[str, Any]:
    try:
        if isinstance(value, Mapping) and json.loads(json.dumps(value, allow_nan=False)) == value:
            return copy.deepcopy(dict(value))
    except (TypeError, ValueError, RecursionError):
        pass
    raise ConfigError(f"{at}.user_options must be a dictionary of values that JSON has.")


def _mutable(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{at}.mutable must be True or False.")
    return value


def _help_link(value: Any, at: str) -> str:
    if value == "":
        return ""
    problem = formats.problem("http-url", value) if isinstance(value, str) else "must be text"
    if problem:
        raise ConfigError(f"{at}.help_link {problem}.")
    return str(value)
