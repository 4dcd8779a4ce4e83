"""Adapters: how a spawn specification is applied to a spawner, one module for each kind.

An adapter sets attributes of a fixed list, and remembers what they were before: the next start
begins with the site's own configuration.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from launcher.jupyterhub.log_folder import ServerLog
from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification


class Adapter:
    """Applies specifications to one kind of spawner; this class itself can apply none."""

    fields: "tuple[str, ...]" = ()
    """The fields of a specification that can be applied."""
    keeps_output = False
    """Whether `keep_output` does anything."""

    def __init__(self, spawner: str) -> None:
        """`spawner` is the class, with its module; its subclasses are of this kind, too."""
        self.spawner = spawner

    def target(self, spawner: Any) -> Any:
        """The spawner that starts the server: the same one, or one that it wraps."""
        return spawner

    def apply(self, spawner: Any, specification: SpawnSpecification) -> None:
        """Set the spawner's attributes; `check` has found that the specification fits."""

    def keep_output(self, spawner: Any, log: "ServerLog") -> None:
        """Have the output of the next start kept in the log; raises OSError."""
        log.begin()

    def add_environment(self, spawner: Any, variables: "Mapping[str, str]") -> None:
        """Add variables to those of the server."""
        set_attribute(spawner, "environment", {**spawner.environment, **variables})


class Unsupported(SpecificationError):
    """There is no adapter for the spawner."""


# what a start changed, on the spawner itself: it lives as long as the hub
_BEFORE = "_launcher_before"


def name_of(spawner: Any) -> str:
    """The class of a spawner, with its module."""
    return f"{type(spawner).__module__}.{type(spawner).__name__}"


def innermost(spawner: Any) -> Any:
    """The spawner that starts the server, which the given one may wrap."""
    adapter = find(spawner)
    inner = adapter.target(spawner) if adapter else spawner
    return inner if inner is spawner else innermost(inner)


def find(spawner: Any) -> "Adapter | None":
    """The adapter for a spawner: that of its nearest class; None if there is none."""
    known = {adapter.spawner: adapter for adapter in _all()}
    for cls in type(spawner).__mro__:
        found = known.get(f"{cls.__module__}.{cls.__name__}")
        if found is not None:
            return found
    return None


def _all() -> "list[Adapter]":
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").adapter for name in modules]


def set_attribute(spawner: Any, name: str, value: Any) -> None:
    """Set an attribute for this start; `reset` gives back what it was."""
    before = spawner.__dict__.setdefault(_BEFORE, {})
    before.setdefault(name, getattr(spawner, name))
    setattr(spawner, name, value)


def reset(spawner: Any) -> None:
    """Undo what the last start set."""
    for name, value in spawner.__dict__.pop(_BEFORE, {}).items():
        setattr(spawner, name, value)


def check(adapter: "Adapter | None", spawner: Any, specification: SpawnSpecification) -> None:
    """Raise SpecificationError if the spawner cannot apply all of the specification."""
    if specification.is_empty:
        return
    if adapter is None:
        raise Unsupported("", f"cannot be applied: {name_of(spawner)} has no adapter")
    for field in specification.set_fields:
        if field not in adapter.fields:
            raise SpecificationError(field, f"cannot be applied by {name_of(spawner)}")
