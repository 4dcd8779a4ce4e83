"""One option of servers: its default, and what may be chosen by whom."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from launcher.projects.option_values import Resource, Value, ValueKind

# in the sentence of an error
MAX_NAMED = 20


@dataclass(frozen=True)
class Choices:
    """The values that may be chosen: those of a list, or all from one value to another."""

    kind: ValueKind
    default: Value
    listed: Mapping[Value, Any] = field(default_factory=dict)
    """Each value, and how the administrator wrote it; empty for a range."""
    least: Value | None = None
    most: Value | None = None

    @property
    def sentence(self) -> str:
        """What a value must be: the end of a sentence."""
        if self.least is None and len(self.listed) > MAX_NAMED:
            return "must be one of the values that GET /server_options lists"
        if self.least is None:
            return f"must be one of {', '.join(str(each) for each in self.listed.values())}"
        return f"must be from {self.write(self.least)} to {self.write(self.most)}"

    def allows(self, value: Value) -> bool:
        """Whether the value may be chosen."""
        if self.least is None or self.most is None:
            return value in self.listed
        return self.least <= value <= self.most  # type: ignore[operator]

    def write(self, value: Any) -> Any:
        """The value as JSON; equal values are written the same."""
        return self.listed[value] if value in self.listed else self.kind.write(value)

    def includes(self, other: "Choices") -> bool:
        """Whether the range includes the other one; True for lists."""
        if other.least is None or other.most is None:
            return True
        return self.allows(other.least) and self.allows(other.most)

    def widened(self, other: "Choices") -> "Choices":
        """These choices and the other ones, with the default of these."""
        if self.least is None:
            return replace(self, listed={**self.listed, **other.listed, **self.listed})
        bounds = (self.least, self.most, other.least, other.most)
        return replace(self, least=min(bounds), most=max(bounds))  # type: ignore[type-var]


@dataclass(frozen=True)
class ServerOption:
    """An option of the servers of projects."""

    name: str
    order: int
    display_name: str
    type: str
    """enum, int, float or boolean."""
    resource: Resource
    everyone: Choices
    groups: Mapping[str, Choices]
    """Of the hub: what their members may choose, with the default for them."""

    def choices(self, groups: Collection[str]) -> Choices:
        """What a member of these groups may choose, with the default of the first that has one."""
        found = self.everyone
        own = [choices for name, choices in self.groups.items() if name in groups]
        for each in own:
            found = found.widened(each)
        defaults = (each.default for each in own if each.default != found.default)
        return replace(found, default=next(defaults, found.default))

    def offered(self, groups: Collection[str]) -> dict[str, Any]:
        """The JSON of `GET /server_options` for a member of these groups."""
        found = self.choices(groups)
        shown: dict[str, Any] = {
            "order": self.order,
            "displayName": self.display_name,
            "type": self.type,
            "default": found.write(found.default),
        }
        if self.type == "enum":
            shown["options"] = list(found.listed.values())
        elif self.type != "boolean":
            shown["range"] = [found.write(found.least), found.write(found.most)]
        return shown

    def read(self, given: Any) -> Value:
        """The value, from what was given; raises ValueError with the end of a sentence."""
        value = self.resource.kind.read(given)
        if self.type == "int" and value != int(value):
            raise ValueError("must be a whole number")
        return value
