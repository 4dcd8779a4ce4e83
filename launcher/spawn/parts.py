"""The parts of a spawn specification: command, mounts, resources, constraints."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from launcher.spawn import json_fields as read
from launcher.spawn.errors import SpecificationError

MAX_ARGUMENTS = 100
MAX_MOUNTS = 50
MAX_CONSTRAINTS = 20
MAX_GENERIC = 20
# JupyterHub gives memory in bytes
MAX_BYTES = 2**50
MAX_CPUS = 4096.0
MAX_GPUS = 1024

# as in Kubernetes and Docker: an optional prefix, then a name
_LABEL = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")  # fmt: skip # noqa: E501


@dataclass(frozen=True)
class Command:
    """The command of a server: a prefix of the spawner's own command, or in its place."""

    argv: tuple[str, ...]
    replaces: bool = False
    """False: the spawner's command and arguments follow `argv`. True: only its arguments do."""

    @classmethod
    def from_json(cls, value: Any, name: str) -> "Command":
        """Read and check a command; raises SpecificationError."""
        found = read.known(
            value, name, {"argv": read.items(read.text, MAX_ARGUMENTS), "replaces": read.boolean}
        )
        if not found.get("argv"):
            raise SpecificationError(f"{name}.argv", "must be a list with at least one word")
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        """The JSON of the command."""
        return {"argv": list(self.argv), "replaces": self.replaces}


@dataclass(frozen=True)
class Mount:
    """A directory or volume that the server sees at `target`."""

    type: str
    """`bind` (a path of the node), `volume` (of the container engine) or `claim` (Kubernetes)."""
    source: str
    target: str
    subpath: str | None = None
    read_only: bool = False

    @classmethod
    def from_json(cls, value: Any, name: str) -> "Mount":
        """Read and check a mount; raises SpecificationError."""
        found = read.known(value, name, _MOUNT)
        for each in ("type", "source", "target"):
            if each not in found:
                raise SpecificationError(f"{name}.{each}", "is missing")
        if found["type"] == "bind":
            read.absolute(found["source"], f"{name}.source")
        elif "/" in found["source"] or found["source"].startswith((".", "-")):
            raise SpecificationError(f"{name}.source", f"must be the name of a {found['type']}")
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        """The JSON of the mount, without what is not set."""
        return _set(self)


_MOUNT: Mapping[str, read.Read] = {
    "type": read.one_of("bind", "volume", "claim"),
    "source": read.text,
    "target": read.absolute,
    "subpath": read.relative,
    "read_only": read.boolean,
}


def check_targets(mounts: tuple[Mount, ...]) -> None:
    """Raise SpecificationError if a target is used twice, or lies in another one."""
    targets = sorted((mount.target.split("/"), number) for number, mount in enumerate(mounts))
    for (first, _), (second, number) in zip(targets, targets[1:]):  # noqa: B905, RUF007 - 3.10
        if second[: len(first)] == first:
            raise SpecificationError(
                f"mounts[{number}].target", "is the target of another mount, or below one"
            )


@dataclass(frozen=True)
class Resources:
    """What a server may use, and what is reserved for it; memory in bytes, CPUs as a number."""

    cpu_limit: float | None = None
    cpu_guarantee: float | None = None
    mem_limit: int | None = None
    mem_guarantee: int | None = None
    gpus: int | None = None
    generic: Mapping[str, int] = field(default_factory=dict)
    """Named generic resources, such as those of Docker Swarm."""

    @classmethod
    def from_json(cls, value: Any, name: str) -> "Resources":
        """Read and check resources; raises SpecificationError."""
        found = cls(**read.known(value, name, _RESOURCES))
        for kind in ("cpu", "mem"):
            limit, guarantee = getattr(found, f"{kind}_limit"), getattr(found, f"{kind}_guarantee")
            if limit is not None and guarantee is not None and guarantee > limit:
                raise SpecificationError(f"{name}.{kind}_guarantee", f"is above {kind}_limit")
        return found

    def to_json(self) -> dict[str, Any]:
        """The JSON of the resources, without what is not set."""
        return _set(self)


_RESOURCES: Mapping[str, read.Read] = {
    "cpu_limit": read.amount(MAX_CPUS),
    "cpu_guarantee": read.amount(MAX_CPUS),
    "mem_limit": read.whole(1, MAX_BYTES),
    "mem_guarantee": read.whole(1, MAX_BYTES),
    "gpus": read.whole(0, MAX_GPUS),
    "generic": read.mapping(read.whole(1, 2**31 - 1), MAX_GENERIC),
}


@dataclass(frozen=True)
class NodeConstraint:
    """A label of the node has one of the values (`In`), or none of them (`NotIn`)."""

    key: str
    operator: str
    values: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Any, name: str) -> "NodeConstraint":
        """Read and check a constraint; raises SpecificationError."""
        found = read.known(value, name, _CONSTRAINT)
        for each in _CONSTRAINT:
            if not found.get(each):
                raise SpecificationError(f"{name}.{each}", "is missing")
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        """The JSON of the constraint."""
        return {"key": self.key, "operator": self.operator, "values": list(self.values)}


def label_name(value: Any, name: str) -> str:
    """The name of a label; raises SpecificationError."""
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise SpecificationError(
            name, "must be letters, digits, '-', '_' and '.', with an optional 'prefix/'"
        )
    return value


def label_value(value: Any, name: str) -> str:
    """The value of a label: up to 63 characters, or empty; raises SpecificationError."""
    if value == "":
        return value
    found = read.text(value, name)
    if len(found) > 63:
        raise SpecificationError(name, "may be at most 63 characters long")
    return found


_CONSTRAINT: Mapping[str, read.Read] = {
    "key": label_name,
    "operator": read.one_of("In", "NotIn"),
    "values": read.items(label_value, MAX_CONSTRAINTS),
}


def _set(part: Any) -> dict[str, Any]:
    """The fields of a dataclass that are set, as JSON."""
    found = {each.name: getattr(part, each.name) for each in fields(part)}
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in found.items()
        if value not in (None, {}) and value is not False
    }
