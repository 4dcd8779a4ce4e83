"""Makes what can be shown of a saved notebook. Runs in a rendering process only.

Nothing of the notebook is passed on as it is: its cells are built anew, with the fields that are
shown, so that they are valid whatever the notebook has in other fields.
"""

import html
from dataclasses import dataclass
from typing import Any

import nbformat

from launcher.rendering.failures import INVALID, NotebookUnusable
from launcher.rendering.saved_outputs import NotShowable, repaired_outputs, text_of
from launcher.rendering.statistics import MAX_COUNT, MAX_LANGUAGE

PRIVATE = "private"
_KINDS = ("code", "markdown", "raw")
# of nbformat, for notebooks that lack fields
_CONVERSION_FAILS = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    nbformat.ValidationError,
)

Cell = dict[str, Any]


@dataclass(frozen=True)
class SavedNotebook:
    """A notebook with valid cells only."""

    cells: list[Cell]
    language: dict[str, str]
    """Its names in `language_info`."""


def repaired(notebook: dict[str, Any]) -> SavedNotebook:
    """What can be shown of the notebook; raises NotebookUnusable."""
    cells = [_repaired(cell, number) for number, cell in enumerate(_cells(notebook), start=1)]
    return SavedNotebook(cells, _language(notebook.get("metadata")))


def is_empty(cell: Cell) -> bool:
    """Whether a repaired cell shows nothing."""
    return not cell["source"].strip() and not cell.get("outputs")


def is_private(cell: Cell) -> bool:
    """Whether a repaired cell has the tag `private`."""
    return PRIVATE in cell["metadata"].get("tags", ())


def replacement(cell: Cell) -> Cell:
    """A cell in place of one that cannot be shown."""
    source = "*This cell cannot be shown.*"
    kept = {name: cell[name] for name in ("id", "metadata")}
    return {**kept, "cell_type": "markdown", "source": source}


def _cells(notebook: dict[str, Any]) -> list[Any]:
    """The cells in the form of nbformat 4, not repaired."""
    if _version(notebook) == 3:
        return _upgraded(_of_worksheets(notebook["worksheets"]))
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise NotebookUnusable(INVALID)
    return cells


def _version(notebook: dict[str, Any]) -> int:
    """3 or 4, any minor version; raises NotebookUnusable."""
    has_worksheets = isinstance(notebook.get("worksheets"), list)
    found = notebook.get("nbformat", 3 if has_worksheets else 4)
    if found == 3 and has_worksheets:
        return 3
    # 4.0 and True are no versions
    if found == 4 and isinstance(found, int):
        return 4
    raise NotebookUnusable(INVALID)


def _of_worksheets(worksheets: list[Any]) -> list[Any]:
    found = (each.get("cells") for each in worksheets if isinstance(each, dict))
    return [cell for cells in found if isinstance(cells, list) for cell in cells]


def _upgraded(cells: list[Any]) -> list[Any]:
    """Cells of nbformat 3 in the form of nbformat 4; those that cannot be converted become None."""
    ready = [_with_required_fields(cell) for cell in cells]
    try:
        return _converted(ready)
    except _CONVERSION_FAILS:
        return [_converted_alone(cell) for cell in ready]


def _with_required_fields(cell: Any) -> Any:
    """A cell of nbformat 3 with what its conversion needs."""
    kind = cell.get("cell_type") if isinstance(cell, dict) else None
    if kind == "code":
        return {"outputs": [], **cell}
    if kind == "heading":
        level = cell.get("level")
        # it becomes so many characters
        level = level if isinstance(level, int) and 1 <= level <= 6 else 1
        return {**cell, "level": level, "source": _joined(cell.get("source", ""))}
    return cell


def _joined(source: Any) -> Any:
    try:
        return text_of(source)
    except NotShowable:
        return source


def _converted(cells: list[Any]) -> list[Any]:
    made = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}
    return list(nbformat.convert(nbformat.from_dict(made), 4).cells)


def _converted_alone(cell: Any) -> Any:
    try:
        return _converted([cell])[0]
    except _CONVERSION_FAILS:
        metadata = cell.get("metadata") if isinstance(cell, dict) else None
        return {"metadata": metadata}


def _repaired(cell: Any, number: int) -> Cell:
    """A valid cell, or another one in its place."""
    cell = cell if isinstance(cell, dict) else {}
    base = {"id": f"cell-{number}", "metadata": _tags(cell.get("metadata"))}
    if cell.get("cell_type") not in _KINDS:
        return replacement(base)
    try:
        source = text_of(cell.get("source", ""))
    except NotShowable:
        return replacement(base)
    made = {**base, "cell_type": cell["cell_type"], "source": source}
    if made["cell_type"] == "raw":
        # nbconvert takes it for HTML
        made["source"] = f"<pre>{html.escape(source)}</pre>" if source.strip() else ""
    elif made["cell_type"] == "code":
        made["execution_count"] = _count(cell.get("execution_count"))
        made["outputs"] = repaired_outputs(cell.get("outputs"))
    elif made["cell_type"] == "markdown":
        made["attachments"] = _attachments(cell.get("attachments"))
    return made


def _tags(metadata: Any) -> dict[str, list[str]]:
    """The one tag that means something here."""
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return {"tags": [PRIVATE]} if isinstance(tags, list) and PRIVATE in tags else {}


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    return value if is_count else None


def _attachments(value: Any) -> dict[str, dict[str, str]]:
    """The pictures that a Markdown cell contains."""
    files = value.items() if isinstance(value, dict) else ()
    return {name: _texts(bundle) for name, bundle in files if isinstance(bundle, dict)}


def _texts(bundle: dict[str, Any]) -> dict[str, str]:
    return {kind: text for kind, text in bundle.items() if isinstance(text, str)}


def _language(metadata: Any) -> dict[str, str]:
    """The names of the notebook's language."""
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = _name(info, "name") or _name(kernel, "language")
    if lexer := _name(info, "pygments_lexer"):
        return {"name": name, "pygments_lexer": lexer}
    return {"name": name} if name else {}


def _name(fields: Any, key: str) -> str:
    value = fields.get(key) if isinstance(fields, dict) else None
    return value[:MAX_LANGUAGE] if isinstance(value, str) else ""
