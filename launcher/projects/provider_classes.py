"""Finds the class of a provider: a module of `providers/`, or a site's own class."""

import importlib
import pkgutil
from typing import Any

from launcher import classes
from launcher.projects import providers
from launcher.projects.model import Provider


def built_in() -> list[str]:
    """The names of the built-in providers."""
    return sorted(each.name for each in pkgutil.iter_modules(providers.__path__))


def find(value: Any, setting: str) -> type[Provider]:
    """The class that a built-in name, a class or `module:Class` means; raises ConfigError."""
    found = _named(value, setting) if isinstance(value, str) else value
    otherwise = (
        f"one of {', '.join(built_in())}, or a class that extends"
        ' launcher.projects.model.Provider, such as "my_module:MyProvider".'
    )
    # mypy wants a class without abstract methods; this one is only compared
    return classes.require_subclass(found, Provider, setting, otherwise)  # type: ignore[type-abstract]


def name_of(value: Any) -> str:
    """The name of a provider, which is the same each time."""
    return value if isinstance(value, str) else f"{value.__module__}:{value.__qualname__}"


def _named(name: str, setting: str) -> Any:
    if name in built_in():
        module = importlib.import_module(f"{providers.__name__}.{name}")
        return next(each for each in vars(module).values() if _is_defined_in(each, module))
    if ":" not in name:
        return None
    return classes.imported(name, setting)


def _is_defined_in(found: Any, module: Any) -> bool:
    is_provider = isinstance(found, type) and issubclass(found, Provider)
    return is_provider and found.__module__ == module.__name__
