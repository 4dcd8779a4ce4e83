"""Notebooks that teachers publish: read within bounds, and brought into one form.

They are data: nothing in them is run or rendered here.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nbformat

from launcher.nesting import is_deeper_than

MAX_BYTES = 10 * 2**20
MAX_CELLS = 2000
# of all parts of a notebook; a launch of it serializes them
MAX_VALUES = 50_000
MAX_DEPTH = 100
MINOR = 5
KINDS = ("code", "markdown", "raw")
# of a file with the lines of its cells and outputs; each takes much more memory than its text
MAX_FILE_VALUES = 1_000_000
_TOO_MANY = f"has more than {MAX_VALUES} parts: remove outputs or metadata"
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_UNUSABLE = (nbformat.ValidationError, ValueError, TypeError, KeyError, AttributeError)


class UnusableNotebook(Exception):
    """Something is no notebook that can be published; the text is the end of a sentence."""


@dataclass(frozen=True)
class NotebookFile:
    """A notebook in the form of nbformat 4.5."""

    content: str
    """As JSON."""
    code_cells: int
    """Empty ones included."""

    @property
    def content_hash(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content.encode("utf-8")).hexdigest()


def read(text: str, *, keep_outputs: bool = False) -> NotebookFile:
    """The notebook in the text of a file; raises UnusableNotebook. Takes up to a second."""
    if _is_too_fine(text):
        raise UnusableNotebook(_TOO_MANY)
    try:
        return normalized(json.loads(text, parse_constant=_refuse), keep_outputs=keep_outputs)
    except RecursionError as error:
        raise UnusableNotebook("is nested too deeply") from error
    except ValueError as error:
        raise UnusableNotebook("is not a notebook: its file is not valid JSON") from error


def normalized(found: Any, *, keep_outputs: bool = False) -> NotebookFile:
    """The notebook in a JSON value, without execution counts; raises UnusableNotebook."""
    if is_deeper_than(MAX_DEPTH, found):
        raise UnusableNotebook("is nested too deeply")
    cells = _cells(found)
    if _values(found) > MAX_VALUES:
        raise UnusableNotebook(_TOO_MANY)
    made = {
        "cells": _with_ids(cells, keep_outputs=keep_outputs),
        "metadata": _metadata(found),
        "nbformat": 4,
        "nbformat_minor": MINOR,
    }
    try:
        nbformat.validate(made)
    except _UNUSABLE as error:
        raise UnusableNotebook("is not a valid notebook of nbformat 4") from error
    try:
        content = json.dumps(made, ensure_ascii=False, allow_nan=False)
        size = len(content.encode("utf-8"))
    except ValueError as error:  # infinity from 1e999, half of a surrogate pair
        raise UnusableNotebook("has a number or a character that JSON cannot hold") from error
    if size > MAX_BYTES:
        raise UnusableNotebook(f"has more than {MAX_BYTES // 2**20} MiB")
    code_cells = sum(cell["cell_type"] == "code" for cell in cells)
    return NotebookFile(content, code_cells)


def _cells(found: Any) -> list[Mapping[str, Any]]:
    if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
        raise UnusableNotebook("is not a notebook: it has no cells")
    if found.get("nbformat") != 4:
        raise UnusableNotebook("is not of nbformat 4: open and save it in JupyterLab")
    cells = found["cells"]
    if len(cells) > MAX_CELLS:
        raise UnusableNotebook(f"has more than {MAX_CELLS} cells")
    for number, cell in enumerate(cells):
        if not isinstance(cell, dict) or cell.get("cell_type") not in KINDS:
            raise UnusableNotebook(f"is not a valid notebook: see cell {number + 1}")
    return cells


def _metadata(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = found.get("metadata")
    if not isinstance(metadata, dict):
        raise UnusableNotebook("is not a valid notebook: it has no metadata")
    # jupytext's would pair the copies with a script, and the launcher's are of another launch
    return {key: value for key, value in metadata.items() if key not in ("jupytext", "launcher")}


def _with_ids(cells: Iterable[Mapping[str, Any]], *, keep_outputs: bool) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    used: set[str] = set()
    for number, cell in enumerate(cells):
        own = cell.get("id")
        name = own if isinstance(own, str) and _ID.fullmatch(own) else f"cell-{number}"
        while name in used:
            name = f"cell-{number}-{len(used)}-{len(name)}"[:64]
        used.add(name)
        made.append({**_cell(cell, keep_outputs=keep_outputs), "id": name})
    return made


def _cell(cell: Mapping[str, Any], *, keep_outputs: bool) -> dict[str, Any]:
    kind = cell["cell_type"]
    made = {
        "cell_type": kind,
        "metadata": cell.get("metadata", {}),
        "source": _text(cell.get("source")),
    }
    if kind == "code":
        outputs = cell.get("outputs", []) if keep_outputs else []
        made |= {"execution_count": None, "outputs": [_output(each) for each in outputs]}
    elif "attachments" in cell:
        made["attachments"] = cell["attachments"]
    return made


def _output(output: Any) -> Any:
    if isinstance(output, dict) and "execution_count" in output:
        return {**output, "execution_count": None}
    return output


def _text(source: Any) -> str:
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    if isinstance(source, str):
        return source
    raise UnusableNotebook("is not a valid notebook: a cell has no text")


def _values(value: Any) -> int:
    """The number of values in a notebook, without the lines of its cells."""
    count, left = 0, [value]
    while left and count <= MAX_VALUES:
        each = left.pop()
        count += 1
        if isinstance(each, dict):
            left += [inner for name, inner in each.items() if name not in ("source", "outputs")]
            left += each["outputs"] if isinstance(each.get("outputs"), list) else []
        elif isinstance(each, list):
            left += each
    return count


def _is_too_fine(text: str) -> bool:
    """Whether a file has too many values to be parsed."""
    if _delimiters(text) <= MAX_FILE_VALUES:
        return False
    # those inside of strings do not count
    return _delimiters(_STRING.sub("", text)) > MAX_FILE_VALUES


def _delimiters(text: str) -> int:
    return sum(text.count(delimiter) for delimiter in ",[{")


def _refuse(name: str) -> None:
    raise ValueError(name)
