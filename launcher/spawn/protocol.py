"""The messages between the hub's spawn hook and the launcher.

At every spawn the hook sends a `SpawnQuestion` as JSON, and gets a `SpawnAnswer`. Their version is
`MAJOR.MINOR`; a difference of one minor version works, because unknown fields are ignored.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from launcher.spawn import json_fields as read
from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification

VERSION = "1.0"
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)
MAX_TOKEN = 1024
# a hook that knows more names leaves them out
MOST_NAMES = 1000


def incompatibility(theirs: str, whose: str) -> str:
    """Why messages of that version cannot be understood, or ''; `whose` is "hook" or "launcher"."""
    ours, found = _VERSION.fullmatch(VERSION), _VERSION.fullmatch(theirs)
    if not ours or not found:
        return f"The {whose} does not give the version of its protocol."
    same, apart = ours[1] == found[1], abs(int(ours[2]) - int(found[2]))
    if same and apart <= 1:
        return ""
    return (
        f"The {whose} has version {theirs} of the spawn protocol, and this side has {VERSION}:"
        " install the same version of the launcher in the hub and beside it."
    )


@dataclass(frozen=True)
class SpawnQuestion:
    """What the hook says of the server that starts."""

    server: str
    """The server's name, '' for the default server."""
    version: str
    spawner: str
    """The class of the spawner, with its module."""
    fields: tuple[str, ...]
    """The fields of a specification that the hook's adapter can apply."""
    token: str | None = None
    """The token of the server that starts, if it starts in nothing but what is answered."""
    user_options: tuple[str, ...] = ()
    """The names of the options that the hub's form or API sent."""
    entrypoint: str | None = None
    """What the user chose in the hub's form: the id or name of one of their own entrypoints."""
    seconds: float | None = None
    """How long the hook waits for the answer."""
    active: tuple[str, ...] | None = None
    """The names of the user's other servers that run, start or stop."""
    groups: tuple[str, ...] | None = None
    """The groups of the hub that the user is in."""

    def __repr__(self) -> str:
        return f"SpawnQuestion(server={self.server!r}, spawner={self.spawner!r})"

    @classmethod
    def from_json(cls, value: Any) -> "SpawnQuestion":
        """Read a question; unknown fields are ignored. Raises SpecificationError."""
        if not isinstance(value, dict):
            raise SpecificationError("", "must be an object")
        known = {name: each for name, each in value.items() if name in _QUESTION}
        found = read.known(known, "", _QUESTION)
        for name in ("version", "spawner", "fields"):
            if name not in found:
                raise SpecificationError(name, "is missing")
        return cls(server=found.pop("server", ""), **found)

    def to_json(self) -> dict[str, Any]:
        """The JSON of the question."""
        question: dict[str, Any] = {
            "server": self.server,
            "version": self.version,
            "spawner": self.spawner,
            "fields": list(self.fields),
            "user_options": list(self.user_options),
        }
        more: dict[str, Any] = {
            "token": self.token,
            "entrypoint": self.entrypoint,
            "seconds": self.seconds,
            "active": None if self.active is None else list(self.active),
            "groups": None if self.groups is None else list(self.groups),
        }
        return question | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True)
class HandedOver:
    """The token of a server that starts in what was answered."""

    server: str
    token: str

    def __repr__(self) -> str:
        return f"HandedOver(server={self.server!r})"

    @classmethod
    def from_json(cls, value: Any) -> "HandedOver":
        """Read the message; unknown fields are ignored. Raises SpecificationError."""
        given = value if isinstance(value, dict) else {}
        return cls(_server(given.get("server", ""), "server"), _token(given.get("token"), "token"))


def _server(value: Any, name: str) -> str:
    return "" if value == "" else read.text(value, name)


def _token(value: Any, name: str) -> str:
    token = read.text(value, name)
    if not re.fullmatch(r"[\x21-\x7e]{1,1024}", token):
        raise SpecificationError(name, "must be visible ASCII characters")
    return token


def _seconds(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 3600:
        raise SpecificationError(name, "must be a number of seconds, at most 3600")
    return float(value)


_QUESTION = {
    "server": _server,
    "version": read.text,
    "spawner": read.text,
    "fields": read.items(read.text, 50),
    "token": _token,
    "user_options": read.items(read.text, 100),
    "entrypoint": read.text,
    "seconds": _seconds,
    "active": read.items(_server, MOST_NAMES),
    "groups": read.items(read.text, MOST_NAMES),
}


@dataclass(frozen=True)
class SpawnAnswer:
    """What the server has to be started with."""

    version: str
    specification: SpawnSpecification
    entrypoint: str | None = None
    """The name of the environment, for the log."""
    launcher_url: str | None = None
    """The launcher's URL for code in the server, in its variable LAUNCHER_URL."""

    @classmethod
    def from_json(cls, value: Any, allowed_environment: Collection[str] = ()) -> "SpawnAnswer":
        """Read an answer; unknown fields are ignored. Raises SpecificationError."""
        if not isinstance(value, dict):
            raise SpecificationError("", "must be an object")
        version = read.text(value.get("version"), "version")
        specification = SpawnSpecification.from_json(
            value.get("specification"), allowed_environment=allowed_environment
        )
        entrypoint = value.get("entrypoint")
        named = None if entrypoint is None else read.text(entrypoint, "entrypoint")
        url = value.get("launcher_url")
        return cls(
            version, specification, named, None if url is None else read.text(url, "launcher_url")
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {
            "version": self.version,
            "specification": self.specification.to_json(),
            "entrypoint": self.entrypoint,
            "launcher_url": self.launcher_url,
        }
