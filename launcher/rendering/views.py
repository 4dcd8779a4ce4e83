"""How much of a saved notebook is shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """The parts of a notebook that a document shows; None means all."""

    last_cells: int | None
    """So many of the cells that are not empty, the last ones."""
    most_lines: int | None
    """Of each text output. HTML and pictures are bounded too if this is not None."""


WHOLE = View(last_cells=None, most_lines=None)
SUMMARY = View(last_cells=10, most_lines=25)
