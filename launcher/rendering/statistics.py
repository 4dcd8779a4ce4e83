"""What a saved notebook contains, in numbers."""

import json
from dataclasses import dataclass
from typing import Any

from launcher.rendering.limits import MAX_STATISTICS

MAX_COUNT = 2**31 - 1
"""Of cells and executions: a column of 32 bits can hold it."""
MAX_TEXT = 200
MAX_LANGUAGE = 50


@dataclass(frozen=True)
class CellError:
    """An error among the outputs of a cell."""

    cell: int
    """Counted from 1 among all cells."""
    name: str
    text: str


@dataclass(frozen=True)
class Statistics:
    """What a notebook contains."""

    code_cells: int
    """Those that are not empty."""
    run_cells: int
    """Of these: with an execution count or outputs."""
    last_run: int | None
    """The largest execution count."""
    first_error: CellError | None
    is_private: bool
    """Whether a cell has the tag `private`."""
    language: str


def parse(content: bytes) -> Statistics:
    """The statistics that a rendering process sent, which is not trusted; raises ValueError."""
    if len(content) > MAX_STATISTICS:
        raise ValueError("too long")
    try:
        found = json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    _check(isinstance(found, dict))
    first_error = found.get("first_error")
    _check(isinstance(found.get("is_private"), bool))
    made = Statistics(
        code_cells=_count(found.get("code_cells")),
        run_cells=_count(found.get("run_cells")),
        last_run=None if found.get("last_run") is None else _count(found["last_run"]),
        first_error=None if first_error is None else _error(first_error),
        is_private=found["is_private"],
        language=_text(found.get("language"), MAX_LANGUAGE),
    )
    _check(made.run_cells <= made.code_cells)
    return made


def _error(found: Any) -> CellError:
    _check(isinstance(found, dict))
    number = _count(found.get("cell"))
    _check(number >= 1)
    name, text = _text(found.get("name"), MAX_TEXT), _text(found.get("text"), MAX_TEXT)
    return CellError(cell=number, name=name, text=text)


def _count(value: Any) -> int:
    _check(isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT)
    return int(value)


def _text(value: Any, most: int) -> str:
    """A text without control and bidi characters."""
    _check(isinstance(value, str) and len(value) <= most and value.isprintable())
    return str(value)


def _check(condition: bool) -> None:
    if not condition:
        raise ValueError("not the statistics of a notebook")
