"""Errors at the controls of a form, each with the title of its control."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from launcher.errors import BadRequest
from launcher.forms.controls import Control, GroupControl, ListControl, SwitchControl, anchor
from launcher.forms.sentences import human, is_about_alternatives, is_gap
from launcher.schemas import Checker

MAX_EXPLAINED = 10


@dataclass(frozen=True)
class Problem:
    """An error for the summary of the form."""

    name: str
    """The control that it belongs to, '' if there is none."""
    title: str
    sentence: str
    """The end of the sentence that begins with the title, without the full stop."""
    is_gap: bool = False
    """Whether something has to be filled in yet, and nothing that is filled in is wrong."""

    @property
    def is_of_link(self) -> bool:
        """Whether it is a mistake of the link that the form was opened with."""
        return not self.name or "in this link" in self.sentence

    @property
    def anchor(self) -> str:
        """The id of the control's element."""
        return anchor(self.name)

    @property
    def text(self) -> str:
        """The whole sentence, without the full stop."""
        return f"{self.title} {self.sentence}".strip()


@dataclass(frozen=True)
class Titled:
    """A control, and its title among all of the form."""

    control: Control
    title: str


def places(root: GroupControl) -> dict[str, Titled]:
    """All controls by their names; titles that occur twice say where they are."""
    found = list(_all(root, ""))
    count = Counter(title for _, title, _ in found)
    placed = {}
    for control, title, around in found:
        twice = count[title] > 1 and around not in ("", root.title)
        placed[control.name] = Titled(control, f"{title} ({around})" if twice else title)
    return placed


def _all(control: Control, around: str, title: str = "") -> Iterator[tuple[Control, str, str]]:
    """The control and all those in it, each with its title and that of what is around it."""
    title = title or control.title
    yield control, title, around
    if isinstance(control, GroupControl):
        for child in control.children:
            yield from _all(child, title)
        for row in control.rows.rows if control.rows else ():
            yield from _all(row.item, title, f"{title}, “{row.key}”" if row.key else "")
    elif isinstance(control, ListControl):
        for number, row in enumerate(control.rows, 1):
            yield from _all(row.item, title, f"{title}, row {number}")
    elif isinstance(control, SwitchControl) and control.inner:
        # it has the same name, and is about the same value
        inner = list(_all(control.inner, around, title))
        yield from inner[1:]


def problem_of(name: str, below: str, detail: str, found: Mapping[str, Titled]) -> Problem:
    """The problem of the control `name`; `below` is where in its value the error is."""
    place = found.get(name)
    if place is None:
        return Problem(name, "", human(detail, {}), is_gap(detail))
    siblings = {
        each.rpartition("/")[2]: found[each].title
        for each in found
        if each.rpartition("/")[0] == name.rpartition("/")[0]
    }
    sentence = human(detail, siblings, place.control, below)
    return Problem(name, place.title, sentence, is_gap(detail))


def explained(
    errors: Iterable[Mapping[str, str]], chosen: Mapping[str, tuple[Checker, Any]]
) -> Iterator[Mapping[str, str]]:
    """The errors, with those of the chosen alternative in place of "none fits"."""
    for error in errors:
        pointer = error["pointer"]
        inner = []
        if is_about_alternatives(error["detail"]) and pointer in chosen:
            inner = _errors_of(*chosen[pointer], pointer)
        if inner:
            rest = {place: each for place, each in chosen.items() if place != pointer}
            yield from explained(inner, rest)
        else:
            yield error


def _errors_of(checker: Checker, value: Any, pointer: str) -> list[dict[str, str]]:
    try:
        checker.check(deepcopy(value), pointer)
    except BadRequest as error:
        return error.errors[:MAX_EXPLAINED]
    return []
