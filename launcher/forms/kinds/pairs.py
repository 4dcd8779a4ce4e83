"""Rows of names and values: the properties of an object that its schema does not list."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from launcher.forms.controls import PairsControl, RowControl
from launcher.forms.fields import MISSING, Fields
from launcher.forms.kinds import Errors, Kind, empty
from launcher.forms.kinds.place import Place
from launcher.forms.kinds.rows import MAX_ROWS, NUMBER, new_row, numbers
from launcher.schemas import pointer_to

# an input of one line changes these, or a page cannot contain them
_CHANGED = re.compile("[\r\n\x00\ud800-\udfff]")


class Pairs:
    """The rows; each has a name and the control of its value."""

    def __init__(self, place: Place, item: Kind, most: int) -> None:
        """`most` is the number of rows at which none can be added any more."""
        self._place = place
        self._item = item
        self._most = max(0, min(most, MAX_ROWS))

    def write(
        self, name: str, values: Mapping[str, Any], fields: Fields, *, known: Collection[str]
    ) -> None:
        """Write a row for each name and value; also for names whose texts are no values."""
        unread = _by_key(fields.unread_in(name), known)
        keys = dict.fromkeys((*values, *unread))
        for number, key in enumerate(keys):
            row = pair_name(name, str(number))
            fields.add(f"row:{row}", "on")
            fields.add(f"key:{row}", key)
            texts = unread.get(key, {})
            fields.show_unread({f"{row}{rest}": text for rest, text in texts.items()})
            self._item.write(row, values.get(key, MISSING), fields)

    def read(self, name: str, at: str, fields: Fields, *, known: Collection[str]) -> dict[str, Any]:
        """The names and values; rows without either are left out."""
        values: dict[str, Any] = {}
        for row in self._rows(name, fields):
            key = fields.text(f"key:{row}") or ""
            before = len(fields.errors)
            value = self._item.read(row, pointer_to(at, key), fields)
            if len(fields.errors) > before or (not key and value is MISSING):
                continue
            if problem := _problem(key, value, values, known):
                fields.wrong(row, problem)
            else:
                values[key] = value
        return values

    def control(self, name: str, fields: Fields, errors: Errors) -> PairsControl:
        """The rows that were submitted, and one to copy."""
        rows = tuple(self._row(row, fields, errors) for row in self._rows(name, fields))
        template = pair_name(name, NUMBER)
        return PairsControl(
            name=name,
            title=self._place.title,
            rows=rows,
            can_add=len(rows) < self._most,
            most=self._most,
            template=RowControl(
                name=template, key_name=f"key:{template}", item=empty(self._item, template)
            ),
            has_focus=fields.has(f"focus:{name}"),
        )

    def accepts(self, values: Mapping[str, Any]) -> bool:
        """Whether a browser submits the rows unchanged."""
        return len(values) <= MAX_ROWS and all(key and not _CHANGED.search(key) for key in values)

    def _rows(self, name: str, fields: Fields) -> list[str]:
        rows = [pair_name(name, number) for number in numbers(name, fields)]
        return [row for row in rows if fields.has(f"key:{row}")]

    def _row(self, row: str, fields: Fields, errors: Errors) -> RowControl:
        new_row(row, self._item, fields)
        return RowControl(
            name=row,
            key=fields.text(f"key:{row}") or "",
            key_name=f"key:{row}",
            item=self._item.control(row, fields, errors),
            has_focus=fields.has(f"focus:key:{row}"),
        )


def pair_name(name: str, number: str) -> str:
    """The name of a row: "~#" cannot be in a pointer, so no property has the same one."""
    return f"{name}/~#{number}"


def _by_key(unread: Mapping[str, str], known: Collection[str]) -> dict[str, dict[str, str]]:
    """The texts of names that are not `known`, each by the rest of its pointer."""
    found: dict[str, dict[str, str]] = {}
    for pointer, text in unread.items():
        escaped, slash, rest = pointer.partition("/")
        key = escaped.replace("~1", "/").replace("~0", "~")
        if key not in known:
            found.setdefault(key, {})[slash + rest] = text
    return found


def _problem(key: str, value: Any, values: Mapping[str, Any], known: Collection[str]) -> str:
    if not key:
        return "has a value but no name; write a name, or remove the row"
    if value is MISSING:
        return "has a name but no value; write a value, or remove the row"
    if key in values:
        return "has the same name as another row; change one of them"
    return "has the name of a field above; use that one" if key in known else ""
