"""Arrays: a row for each item."""

from typing import Any, Final

from launcher.forms.controls import Control, ListControl, RowControl
from launcher.forms.fields import MISSING, Fields, Reading
from launcher.forms.kinds import BOTH, Errors, Kind, empty
from launcher.forms.kinds.place import Place

# longer lists are shown as JSON
MAX_ROWS: Final = 200
# the number of the row that a script copies
NUMBER: Final = "~n"
# the text of the marker of a row that has just been added
NEW: Final = "new"


class RowsKind:
    """A list."""

    def __init__(self, place: Place, item: Kind) -> None:
        self._place = place
        self._item = item
        self._most = min(int(place.schema.get("maxItems", MAX_ROWS)), MAX_ROWS)

    def write(self, name: str, value: Reading, fields: Fields) -> None:
        """Write a row for each item; required ones are shown empty."""
        value = self._place.value_or_default(value)
        if value is None:
            fields.add(f"null:{name}", "on")
        elif value is not MISSING:
            fields.add(f"given:{name}", "on")
        items = list(value) if isinstance(value, list) else []
        if value is MISSING and self._place.required:
            items = [MISSING] * min(int(self._place.schema.get("minItems", 0)), self._most)
        for number, item in enumerate(items):
            fields.add(f"row:{name}/{number}", "on")
            self._item.write(f"{name}/{number}", item, fields)

    def read(self, name: str, at: str, fields: Fields) -> Reading:
        """The items; rows in which nothing is filled in are left out."""
        items: list[Any] = []
        for row in self._rows(name, fields):
            new_row(row, self._item, fields)
            item = self._item.read(row, f"{at}/{len(items)}", fields)
            if item is not MISSING:
                items.append(item)
        fields.names[at] = name
        if self._place.is_null(name, fields):
            if items:
                fields.wrong(name, BOTH)
            return None
        if items or self._place.always or fields.has(f"given:{name}"):
            return items
        return MISSING

    def control(self, name: str, fields: Fields, errors: Errors) -> Control:
        """The rows that were submitted, and one to copy."""
        rows = tuple(self._row(row, fields, errors) for row in self._rows(name, fields))
        template = f"{name}/{NUMBER}"
        return ListControl(
            **self._place.common(name, fields, errors),
            rows=rows,
            can_add=len(rows) < self._most,
            most=self._most,
            template=RowControl(name=template, item=empty(self._item, template)),
            hint=self._place.limits,
        )

    def accepts(self, value: Any) -> bool:
        """Whether it is a list that is not too long."""
        if isinstance(value, list):
            return len(value) <= MAX_ROWS
        return value is None and self._place.nullable

    def _rows(self, name: str, fields: Fields) -> list[str]:
        rows = [f"{name}/{number}" for number in numbers(name, fields)]
        return [row for row in rows if not fields.has(f"key:{name}/~#{row.rpartition('/')[2]}")]

    def _row(self, row: str, fields: Fields, errors: Errors) -> RowControl:
        new_row(row, self._item, fields)
        return RowControl(
            name=row,
            item=self._item.control(row, fields, errors),
            has_focus=fields.has(f"focus:{row}"),
        )


def numbers(name: str, fields: Fields) -> list[str]:
    """The numbers of the rows of a list, without those above the limit."""
    found = fields.rows(name)
    if len(found) > MAX_ROWS:
        fields.is_full = True
    return [str(number) for number in found[:MAX_ROWS]]


def new_row(row: str, item: Kind, fields: Fields) -> None:
    """Write the defaults of a row that has just been added."""
    if fields.text(f"row:{row}") == NEW:
        item.write(row, MISSING, fields)
