"""The fields of a form as a browser submits them: names and texts."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from launcher.schemas import Checker

MAX_FIELDS = 5_000
# of all lists together; each can cost as much as all the fields of its item
MAX_ALL_ROWS = 1_000
# markers that belong to the value of a control
VALUES = ("given", "null", "json")
# the marker of a control that is shown anew, as it is without a value
EMPTIED = "emptied"
MARKERS = (*VALUES, "row", "key", "type")

# a name is a JSON pointer, perhaps with a marker before it
_ROW: Final = re.compile(r"row:(?P<list>.*)/(?:~#)?(?P<index>0|[1-9][0-9]{0,5})", re.DOTALL)


class Missing:
    """The type of MISSING: no value, which is not the same as null."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()

Reading = Any
"""A JSON value, or MISSING."""


class Fields:
    """Submitted fields by name. Reading a value from them collects errors and positions."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._texts: dict[str, str] = {}
        self._numbers: defaultdict[str, list[int]] = defaultdict(list)
        self._rows = 0
        self.is_full = False
        """Whether a field was left out because there are too many."""
        self.values = 0
        """About how many values are in the JSON that was read."""
        self.errors: list[dict[str, str]] = []
        """Errors found while reading: the name of a control, and the end of a sentence."""
        self.names: dict[str, str] = {}
        """The names of the controls by the JSON pointers of the values that were read."""
        self.unread: dict[str, str] = {}
        """Texts to be shown that are no values, by the names of their controls."""
        self.chosen: dict[str, tuple[Checker, Any]] = {}
        """The checkers of the alternatives that were chosen, with the values, by their pointers."""
        for name, text in pairs:
            self.add(name, text)

    def add(self, name: str, text: str) -> None:
        """Add a field; of several with one name, the first one counts."""
        if name in self._texts:
            return
        row = _ROW.fullmatch(name) if name.startswith("row:") else None
        if len(self._texts) >= MAX_FIELDS or (row and self._rows >= MAX_ALL_ROWS):
            self.is_full = True
            return
        # a lone surrogate cannot be sent in a page
        self._texts[name] = text.encode("utf-8", "replace").decode()
        if row:
            self._rows += 1
            self._numbers[row["list"]].append(int(row["index"]))

    def show_unread(self, texts: Mapping[str, str]) -> None:
        """Show texts that are no values at the controls with these names."""
        for name, text in texts.items():
            self.unread[name] = text
            self.add(name, text)
            # for controls of several fields
            self.add(f"json:{name}", text)

    def unread_in(self, name: str) -> dict[str, str]:
        """The texts below a control, by the rest of their names."""
        inside = f"{name}/"
        return {
            each.removeprefix(inside): text
            for each, text in self.unread.items()
            if each.startswith(inside)
        }

    def text(self, name: str) -> str | None:
        """The text of a field, None if it was not submitted."""
        return self._texts.get(name)

    def has(self, name: str) -> bool:
        """Whether a marker was submitted."""
        return name in self._texts

    def rows(self, name: str) -> list[int]:
        """The numbers of the rows of a list, in their order."""
        return sorted(self._numbers.get(name, ()))

    def wrong(self, name: str, detail: str) -> None:
        """Collect an error of the control `name`; `detail` is the end of a sentence."""
        self.errors.append({"pointer": name, "detail": detail})

    def pairs(self) -> Iterator[tuple[str, str]]:
        """All fields."""
        return iter(self._texts.items())

    def __len__(self) -> int:
        return len(self._texts)

    def keep(self, number: int) -> None:
        """Remove all fields but the first ones."""
        for name in list(self._texts)[number:]:
            del self._texts[name]
            if name.startswith("row:") and (row := _ROW.fullmatch(name)):
                self._rows -= 1
                self._numbers[row["list"]].remove(int(row["index"]))
        self.is_full = False

    def without(self, name: str, but: Collection[str] = ()) -> "Fields":
        """A copy without that field, its markers (`but` these), and without those below it."""
        inside = tuple(f"{each}/" for each in (name, *(f"{marker}:{name}" for marker in MARKERS)))
        removed = (name, *(f"{marker}:{name}" for marker in MARKERS if marker not in but))
        return Fields(
            (each, text)
            for each, text in self.pairs()
            if each not in removed and not each.startswith(inside)
        )
