"""Systems, entrypoints, and what a validator reports of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher import schemas
from launcher.errors import BadRequest
from launcher.spawn.specification import SpawnSpecification


@dataclass(frozen=True)
class System:
    """A machine or cluster that servers start on (`c.Launcher.systems`)."""

    name: str
    display_name: str
    hostname: str = ""
    user_options: Mapping[str, Any] = field(default_factory=dict)
    """What the hub needs to start a server there, such as a profile of wrapspawner."""


@dataclass(frozen=True)
class Entrypoint:
    """An environment of a user."""

    id: str
    user: str
    name: str
    type: str
    data: Mapping[str, Any]
    """As the JSON Schema of its type says."""
    systems: tuple[str, ...]


@dataclass(frozen=True)
class HostReport:
    """What a validator found on a host."""

    host: str
    """The host's name, '' for the launcher's own."""
    subject: str
    """What was looked at, such as a path."""
    result: bool
    message: str
    """A sentence for the user."""

    def to_json(self) -> dict[str, Any]:
        """The report as the API returns it."""
        return {
            "host": self.host,
            "subject": self.subject,
            "result": self.result,
            "message": self.message,
        }


@dataclass(frozen=True)
class Report:
    """Whether an entrypoint can be used, and why not."""

    result: bool
    message: str
    """A sentence for the user."""
    hosts: tuple[HostReport, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as the API returns it."""
        hosts = [host.to_json() for host in self.hosts]
        return {"result": self.result, "message": self.message, "hosts": hosts}


@dataclass(frozen=True)
class Offer:
    """An entrypoint that a type offers: the user can select it without adding it."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Expectation:
    """What has to be there, so that a server can start."""

    path: str
    """An absolute path."""
    executable: bool = False


class Validator(ABC):
    """Looks whether what an entrypoint needs is there."""

    @abstractmethod
    async def check(self, user: str, system: System, expected: Expectation) -> HostReport:
        """Look at a path on a system, as far as that user can use it.

        Never raises because of what was found, or because a host does not answer: the report says
        so.
        """


class EntrypointType(ABC):
    """A kind of environment; an entry of `c.Launcher.entrypoint_types`.

    Further keys of the entry are passed to the constructor as keywords. For a value that is not
    valid, it raises ConfigError with a sentence that begins with the key, such as "images must be
    a list."
    """

    schema: Mapping[str, Any]
    """The JSON Schema of an entrypoint's data; it allows no other keys."""

    def __init__(
        self, *, name: str, display_name: str, mutable: bool = True, help_link: str = ""
    ) -> None:
        """`mutable`: whether users add and remove entrypoints of this type."""
        self.name = name
        self.display_name = display_name
        self.mutable = mutable
        self.help_link = help_link

    async def options(self, user: str, system: System) -> list[Offer]:
        """The entrypoints that the site offers to the user; none by default.

        Raises OffersUnavailable if the place where they are kept does not answer.
        """
        return []

    def check_data(self, data: Any) -> None:
        """Raise BadRequest, with an error for each field, if the data are not valid.

        They have to fit the schema, and `problem` may refuse more. The pointers begin with `/data`.
        """
        errors: list[dict[str, str]] = []
        try:
            schemas.Checker(self.schema).check(data, "/data")
        except BadRequest as error:
            errors = error.errors
        for name, text in data.items() if isinstance(data, dict) else ():
            pointer = schemas.pointer_to("/data", name)
            if isinstance(text, str) and (found := self.problem(name, text)):
                errors = [each for each in errors if each["pointer"] != pointer]
                errors.insert(0, {"pointer": pointer, "detail": found})
        if errors:
            raise schemas.refusal(errors)

    def problem(self, field: str, text: str) -> str:
        """Why the text of a field is refused, as the end of a sentence; '' if it is not.

        It takes the place of what the schema says of that field, which may quote a pattern.
        """
        return ""

    @abstractmethod
    async def validate(
        self, user: str, system: System, data: Mapping[str, Any], validator: Validator
    ) -> Report:
        """Check data, which `check_data` accepts, for one system.

        Never raises because of what was found, or because a host does not answer: the report says
        so.
        """

    @abstractmethod
    def specification(self, data: Mapping[str, Any]) -> SpawnSpecification:
        """How a server starts in it; raises SpecificationError."""
