"""How far a participant is in a notebook: what is counted in each save."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from launcher.rendering import Statistics
from launcher.rendering.statistics import CellError


@dataclass(frozen=True)
class NotebookProgress:
    """What a saved notebook contains, or why that is not known."""

    code_cells: int
    """Those that are not empty."""
    run_cells: int
    """Of these, those that were run."""
    first_error: CellError | None
    problem: str = ""
    """Why nothing is known of the notebook."""


def stored(statistics: Statistics) -> dict[str, Any]:
    """The statistics as they are stored beside a save."""
    first_error = asdict(statistics.first_error) if statistics.first_error else None
    counts = {"code_cells": statistics.code_cells, "run_cells": statistics.run_cells}
    return {**counts, "first_error": first_error}


def stored_problem(sentence: str) -> dict[str, Any]:
    """Why there are no statistics, as it is stored beside a save."""
    return {"problem": sentence}


def parse(found: Mapping[str, Any]) -> NotebookProgress:
    """The progress in what is stored beside a save."""
    if problem := found.get("problem"):
        return NotebookProgress(0, 0, None, problem)
    first = found["first_error"]
    return NotebookProgress(
        found["code_cells"], found["run_cells"], CellError(**first) if first else None
    )
