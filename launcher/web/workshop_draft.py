"""The form of a workshop while somebody fills it in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher.errors import LauncherError
from launcher.store.workshops import Workshop
from launcher.web import local_times
from launcher.web.words import for_people

# the field of the form for each pointer of the API
_FIELDS = {
    "name": "name",
    "title": "title",
    "notebooks": "notebooks",
    "participants": "users",
    "participants/users": "users",
    "participants/group": "group",
    "starts": "starts",
    "ends": "ends",
    "retention_days": "retention_days",
}
TITLES = {
    "title": "Title",
    "name": "Name",
    "notebooks": "Notebooks",
    "group": "Group",
    "users": "Users",
    "starts": "Begins",
    "ends": "Ends",
    "retention_days": "Days to keep",
}


@dataclass(frozen=True)
class FormProblem:
    """What is wrong with a field."""

    field: str
    text: str


@dataclass
class WorkshopDraft:
    """A workshop as it is being filled in."""

    fields: Mapping[str, Any]
    problems: list[FormProblem] = field(default_factory=list)
    message: str = ""

    @classmethod
    def of(cls, workshop: Workshop) -> "WorkshopDraft":
        """The form of a workshop that is stored."""
        days = workshop.retention_days
        return cls(
            {
                "name": workshop.name,
                "title": workshop.title,
                "notebooks": "\n".join(workshop.notebooks),
                "group": workshop.group or "",
                "users": "\n".join(workshop.users),
                "starts": local_times.shown(workshop.starts),
                "ends": local_times.shown(workshop.ends),
                "retention_days": "" if days is None else str(days),
            }
        )

    def text(self, name: str) -> str:
        """What is in a field."""
        return str(self.fields.get(name) or "").strip()

    def errors(self, name: str) -> list[str]:
        """What is wrong with a field."""
        return [each.text for each in self.problems if each.field == name]

    def body(self) -> dict[str, Any]:
        """The workshop as the API takes it; a text that is not valid stays as it is."""
        days = self.text("retention_days")
        return {
            "title": self.text("title"),
            "notebooks": _lines(self.text("notebooks")),
            "participants": {
                "users": _lines(self.text("users")),
                **({"group": self.text("group")} if self.text("group") else {}),
            },
            "starts": self._time("starts"),
            "ends": self._time("ends"),
            "retention_days": int(days) if re.fullmatch("[0-9]{1,5}", days) else days or None,
        }

    def explain(self, error: LauncherError) -> None:
        """Add why it cannot be stored, at its field if there is one."""
        for each in error.errors:
            pointer = each["pointer"].strip("/")
            name = _FIELDS.get(pointer) or _FIELDS.get(pointer.rpartition("/")[0], "")
            self._add(name, pointer, each["detail"])
        if not self.problems:
            self.message = for_people(error.detail)

    def _add(self, name: str, pointer: str, detail: str) -> None:
        position = pointer.rpartition("/")[2]
        lines = _lines(self.text(name))
        number = int(position) if position.isdigit() else len(lines)
        which = f"“{lines[number]}” " if number < len(lines) else ""
        self.problems.append(FormProblem(name, f"{which}{detail}"))

    def _time(self, name: str) -> str | None:
        """A time of the form as RFC 3339: it is in the time zone of the browser."""
        text = self.text(name)
        if not text:
            return None
        try:
            return local_times.parse(text, self.text(f"{name}-offset")).isoformat()
        except ValueError:
            return text


def _lines(text: str) -> list[str]:
    """The lines of a text that are not empty; commas separate, too."""
    return [line.strip() for line in re.split(r"[\r\n,]+", text) if line.strip()]
