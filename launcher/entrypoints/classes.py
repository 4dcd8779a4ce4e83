"""Finds and constructs the classes that a configuration names; each error is a ConfigError."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from launcher import classes
from launcher.errors import ConfigError

T = TypeVar("T")


def find(value: Any, base: type[T], setting: str) -> type[T]:
    """A subclass of `base`: the value itself, or what `module:Class` or `module.Class` names.

    `setting` is named in errors. Raises ConfigError.
    """
    found = classes.imported(value, setting) if isinstance(value, str) else value
    otherwise = (
        f"a class that extends launcher.entrypoints.model.{base.__name__}, or its name, such as"
        ' "my_module:MyClass".'
    )
    return classes.require_subclass(found, base, setting, otherwise)


def construct(found: type[T], keywords: Mapping[str, Any], setting: str) -> T:
    """An object of the class; raises ConfigError if it does not take these keywords.

    The message of a ConfigError that the constructor raises begins with a keyword.
    """
    try:
        inspect.signature(found).bind(**keywords)
    except TypeError as error:
        raise ConfigError(f"{setting}: {found.__name__} {error}.") from error
    try:
        return found(**keywords)
    except ConfigError as error:
        raise ConfigError(f"{setting}.{error}") from error
