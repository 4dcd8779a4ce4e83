"""What an option of a server sets (its resource), and how the values of each are written."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from launcher.errors import ConfigError
from launcher.spawn.errors import SpecificationError
from launcher.spawn.parts import MAX_BYTES, MAX_CPUS
from launcher.spawn.specification import SpawnSpecification

Value = int | float | str | bool

# as JupyterHub's ByteSpecification, and as Kubernetes writes the same sizes
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_NUMBER = r"([0-9]{1,16}(?:\.[0-9]{1,6})?)"
# people also write 2GB, 2 GB and 2GiB
_SIZE = re.compile(rf"{_NUMBER}(?: ?([KMGT])i?B?)?", re.ASCII)
_CPUS = re.compile(rf"{_NUMBER}(m?)", re.ASCII)
_GENERIC = re.compile(r"generic:([A-Za-z0-9][A-Za-z0-9._-]{0,62})", re.ASCII)


class ValueKind(ABC):
    """A kind of values: how they are written, and which types of options may have them."""

    types: ClassVar[tuple[str, ...]]
    sentence: ClassVar[str]
    """What a value must be: the end of a sentence."""

    @abstractmethod
    def read(self, given: Any) -> Value:
        """The value, from what was given; raises ValueError."""

    def write(self, value: Value) -> Any:
        """The value as JSON; equal values are written the same."""
        return value


class Cpus(ValueKind):
    """A number of CPUs."""

    types = ("enum", "int", "float")
    sentence = "must be a number of CPUs, such as 2, 0.5 or 500m (thousandths)"

    def read(self, given: Any) -> float:
        """The number of CPUs, above 0; raises ValueError."""
        number = given
        if isinstance(given, str) and (found := _CPUS.fullmatch(given)):
            number = Fraction(found[1]) / (1000 if found[2] else 1)
        # a comparison of numbers: those of JSON may be too large for a float
        if not _is_number(number) or not 0 < number <= MAX_CPUS:
            raise ValueError(self.sentence)
        return float(number)

    def write(self, value: Value) -> Any:
        """A whole number, if it is one."""
        return int(value) if float(value).is_integer() else value


class Memory(ValueKind):
    """An amount of memory."""

    types = ("enum", "int", "float")
    sentence = "must be a size such as 512M or 1.5G (of 1024), or a number of bytes"

    def read(self, given: Any) -> int:
        """The number of bytes, above 0; raises ValueError."""
        number = given
        if isinstance(given, str) and (found := _SIZE.fullmatch(given)):
            number = int(Fraction(found[1]) * UNITS[found[2] or ""])
        return _whole(number, 1, MAX_BYTES, self.sentence)

    def write(self, value: Value) -> Any:
        """With the largest unit of which it is a whole number."""
        for unit, size in reversed(UNITS.items()):
            if unit and int(value) % size == 0:
                return f"{int(value) // size}{unit}"
        return value


class Count(ValueKind):
    """A number of devices."""

    types = ("enum", "int")
    sentence = "must be a whole number, 0 or more"

    def read(self, given: Any) -> int:
        """The number; raises ValueError."""
        return _whole(given, 0, 2**31 - 1, self.sentence)


class ServerPath(ValueKind):
    """A path that the server opens."""

    types = ("enum",)
    sentence = "must be a path of the server, such as /lab"

    def read(self, given: Any) -> str:
        """The path; raises ValueError."""
        if not isinstance(given, str):
            raise ValueError(self.sentence)
        return given


class Switch(ValueKind):
    """On or off."""

    types = ("boolean",)
    sentence = "must be true or false"

    def read(self, given: Any) -> bool:
        """The value; raises ValueError."""
        if not isinstance(given, bool):
            raise ValueError(self.sentence)
        return given


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def _whole(given: Any, least: int, most: int, sentence: str) -> int:
    if not _is_number(given) or not least <= given <= most or given != int(given):
        raise ValueError(sentence)
    return int(given)


@dataclass(frozen=True)
class Resource:
    """What an option sets."""

    name: str
    kind: ValueKind
    sets: tuple[str, ...] = ()
    """Fields of the specification's resources; empty if it is none of them."""
    field: str = ""
    """The field of the specification; '' if the checkout itself does it."""
    is_essential: bool = False
    """Whether a server that does not get it must not start."""

    def specification(self, value: Value) -> dict[str, Any]:
        """The JSON of a specification with the value alone."""
        if not self.field:
            return {}
        if not self.sets:
            return {self.field: value}
        if generic := _GENERIC.fullmatch(self.name):
            return {self.field: {"generic": {generic[1]: value}}} if value else {}
        return {self.field: dict.fromkeys(self.sets, value)}

    def check(self, value: Value) -> None:
        """Raise ValueError if no specification may have the value."""
        try:
            SpawnSpecification.from_json(self.specification(value))
        except SpecificationError as error:
            raise ValueError(error.detail) from error


_CPU, _MEMORY = Cpus(), Memory()
_FIXED = {
    # what a user chooses is theirs: it is reserved, and no more than that is used
    "cpu": Resource("cpu", _CPU, ("cpu_guarantee", "cpu_limit"), "resources"),
    "memory": Resource("memory", _MEMORY, ("mem_guarantee", "mem_limit"), "resources"),
    "cpu_limit": Resource("cpu_limit", _CPU, ("cpu_limit",), "resources"),
    "cpu_guarantee": Resource("cpu_guarantee", _CPU, ("cpu_guarantee",), "resources"),
    "mem_limit": Resource("mem_limit", _MEMORY, ("mem_limit",), "resources"),
    "mem_guarantee": Resource("mem_guarantee", _MEMORY, ("mem_guarantee",), "resources"),
    "gpus": Resource("gpus", Count(), ("gpus",), "resources", is_essential=True),
    "default_url": Resource("default_url", ServerPath(), field="default_url"),
    "lfs": Resource("lfs", Switch()),
    "submodules": Resource("submodules", Switch()),
}
# names of options of Renku notebooks
DEFAULTS = {
    "cpu_request": "cpu",
    "mem_request": "memory",
    "gpu_request": "gpus",
    "defaultUrl": "default_url",
    "lfs_auto_fetch": "lfs",
}


def find(name: Any, at: str) -> Resource:
    """What an option sets, from its setting `resource`; raises ConfigError."""
    if isinstance(name, str):
        if name in _FIXED:
            return _FIXED[name]
        if _GENERIC.fullmatch(name):
            return Resource(name, Count(), (name,), "resources", is_essential=True)
    raise ConfigError(
        f"{at} must be what the option sets, one of {', '.join(_FIXED)}, or generic: and the name"
        " of a generic resource."
    )
