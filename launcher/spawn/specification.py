"""The spawn specification: one frozen value that says how a server starts, and its JSON form."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from launcher.spawn import json_fields as read
from launcher.spawn import variables
from launcher.spawn.errors import SpecificationError
from launcher.spawn.parts import (
    MAX_CONSTRAINTS,
    MAX_MOUNTS,
    Command,
    Mount,
    NodeConstraint,
    Resources,
    check_targets,
    label_name,
    label_value,
)

VERSION = 1
NO_RESOURCES = Resources()
MAX_LABELS = 50
MAX_PREPARE = 20
MAX_ID = 2**32 - 2  # the last one means "no user" (setresuid(2))


@dataclass(frozen=True)
class SpawnSpecification:
    """How a server starts. What is None or empty is left to the spawner's own configuration."""

    command: Command | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    mounts: tuple[Mount, ...] = ()
    resources: Resources = NO_RESOURCES
    uid: int | None = None
    gid: int | None = None
    working_directory: str | None = None
    default_url: str | None = None
    node_constraints: tuple[NodeConstraint, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands, each a list of words, that run in the server as its user before it starts."""

    @classmethod
    def from_json(
        cls, value: Any, *, allowed_environment: Collection[str] = ()
    ) -> "SpawnSpecification":
        """Read and check a specification; raises SpecificationError.

        `allowed_environment` has names of variables that are refused otherwise.
        """
        if not isinstance(value, dict):
            raise SpecificationError("", "must be an object")
        given = dict(value)
        version = given.pop("version", VERSION)
        if version != VERSION or isinstance(version, bool):
            raise SpecificationError("version", f"must be {VERSION}")
        found = cls(**read.known(given, "", _READERS))
        variables.check(found.environment, allowed=allowed_environment)
        check_targets(found.mounts)
        for name in found.labels:
            label_name(name, "a name in labels")
        return found

    def to_json(self) -> dict[str, Any]:
        """The JSON form, without the fields that are not set; `from_json` reads it."""
        return {
            "version": VERSION,
            **{name: _json(getattr(self, name)) for name in self.set_fields},
        }

    @property
    def set_fields(self) -> tuple[str, ...]:
        """The names of the fields that are set, in their order."""
        return tuple(
            each.name
            for each in fields(self)
            if getattr(self, each.name) not in (None, (), {}, NO_RESOURCES)
        )

    @property
    def is_empty(self) -> bool:
        """Whether the spawner's own configuration decides everything."""
        return not self.set_fields

    @property
    def spec_hash(self) -> str:
        """The SHA-256 of the JSON form (hex); equal for equal specifications."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def merged(self, other: "SpawnSpecification") -> "SpawnSpecification":
        """This specification with what `other` sets; `other` has precedence.

        Variables, labels and resources are merged by name, mounts by target, constraints are all
        kept, and the prepare steps of `other` run last. Raises SpecificationError if the mounts
        of both do not fit together.
        """
        found = replace(
            self,
            **{name: getattr(other, name) for name in _SIMPLE if name in other.set_fields},
            environment={**self.environment, **other.environment},
            labels={**self.labels, **other.labels},
            mounts=_merged_mounts(self.mounts, other.mounts),
            resources=_merged_resources(self.resources, other.resources),
            node_constraints=tuple(
                dict.fromkeys((*self.node_constraints, *other.node_constraints))
            ),
            prepare=(*self.prepare, *other.prepare),
        )
        check_targets(found.mounts)
        return SpawnSpecification.from_json(
            found.to_json(), allowed_environment=found.environment.keys()
        )

    def __hash__(self) -> int:
        return hash(self.spec_hash)


_SIMPLE = ("command", "image", "uid", "gid", "working_directory", "default_url")


def _merged_mounts(first: tuple[Mount, ...], second: tuple[Mount, ...]) -> tuple[Mount, ...]:
    return tuple({mount.target: mount for mount in (*first, *second)}.values())


def _merged_resources(first: Resources, second: Resources) -> Resources:
    changed = {
        each.name: value
        for each in fields(second)
        if (value := getattr(second, each.name)) is not None
    }
    changed["generic"] = {**first.generic, **second.generic}
    return replace(first, **changed)


def _json(value: Any) -> Any:
    """A field as JSON."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


def _variable(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise SpecificationError(name, "must be text")
    return value


def _image(value: Any, name: str) -> str:
    image = read.text(value, name)
    # `-` would make it an option of a command; the grammar is that of the engine
    if image.startswith("-") or any(letter.isspace() for letter in image):
        raise SpecificationError(name, "must be the name of an image, without spaces")
    return image


def _url(value: Any, name: str) -> str:
    url = read.text(value, name)
    if not url.startswith("/") or url.startswith("//") or "\\" in url:
        raise SpecificationError(name, "must be a path of the server, such as /lab")
    return url


def _step(value: Any, name: str) -> tuple[str, ...]:
    words: tuple[str, ...] = read.items(read.text, 100)(value, name)
    if not words:
        raise SpecificationError(name, "must be a command as a list of words")
    return words


_READERS: Mapping[str, read.Read] = {
    "command": Command.from_json,
    "environment": read.mapping(_variable, variables.MAX_VARIABLES),
    "image": _image,
    "mounts": read.items(Mount.from_json, MAX_MOUNTS),
    "resources": Resources.from_json,
    "uid": read.whole(0, MAX_ID),
    "gid": read.whole(0, MAX_ID),
    "working_directory": read.absolute,
    "default_url": _url,
    "node_constraints": read.items(NodeConstraint.from_json, MAX_CONSTRAINTS),
    "labels": read.mapping(label_value, MAX_LABELS),
    "prepare": read.items(_step, MAX_PREPARE),
}
