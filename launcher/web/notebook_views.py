"""How much of a notebook a page shows, as its query says."""

from dataclasses import dataclass

from starlette.requests import Request

from launcher.rendering import SUMMARY, WHOLE, View

MAX_CELLS, MIN_LINES, MAX_LINES = 100, 3, 1000


@dataclass(frozen=True)
class ChosenView:
    """A view, and the query that chooses it."""

    view: View
    query: str
    """'' for the whole notebook."""

    @property
    def is_summary(self) -> bool:
        """Whether only the last cells are shown."""
        return self.view.last_cells is not None


def chosen(request: Request) -> ChosenView:
    """The view in the query; the whole notebook if the query names none."""
    if not {"cells", "lines"} & request.query_params.keys():
        return ChosenView(WHOLE, "")
    return summary(request)


def summary(request: Request) -> ChosenView:
    """The summary with the numbers in the query, as far as it has valid ones."""
    cells = _number(request, "cells", 1, MAX_CELLS, SUMMARY.last_cells or 1)
    lines = _number(request, "lines", MIN_LINES, MAX_LINES, SUMMARY.most_lines or MIN_LINES)
    return ChosenView(View(cells, lines), f"cells={cells}&lines={lines}")


def _number(request: Request, name: str, least: int, most: int, default: int) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        return default
    return min(max(int(text), least), most)
