"""Finds the classes that a configuration names; each error is a ConfigError."""

import functools
import importlib
from typing import Any, TypeVar

from launcher.errors import ConfigError

T = TypeVar("T")


def imported(name: str, setting: str) -> Any:
    """What `module:Class` or `module.Class` names; raises ConfigError.

    `setting` is named in errors.
    """
    module, _, attribute = name.rpartition(":" if ":" in name else ".")
    if not module or not attribute:
        raise ConfigError(
            f'{setting} must name a class with its module, as in "my_module:MyClass".'
        )
    try:
        found = importlib.import_module(module)
    except (ImportError, SyntaxError) as error:
        raise ConfigError(f"{setting}: the module {module} cannot be imported: {error}.") from error
    try:
        return functools.reduce(getattr, attribute.split("."), found)
    except AttributeError as error:
        raise ConfigError(f"{setting}: the module {module} has no class {attribute}.") from error


def require_subclass(found: Any, base: type[T], setting: str, otherwise: str) -> type[T]:
    """The class, if it extends `base` and lacks no method; raises ConfigError.

    `otherwise` is the end of the sentence for something else.
    """
    if not isinstance(found, type) or not issubclass(found, base):
        raise ConfigError(f"{setting} must be {otherwise}")
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise ConfigError(
            f"{setting} is {found.__name__}, which lacks the methods {', '.join(missing)}."
        )
    return found
