"""How much of a notebook a page shows, as its query says."""

from dataclasses import dataclass

from starlette.requests import Request

from launcher.rendering import SUMMARY, WHOLE, View

# few of them: each view of a notebook is rendered, and kept, for itself
CELLS = (1, 3, 5, 10, 20, 50, 100)
LINES = (10, 25, 50, 100, 500)


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
    cells = _number(request, "cells", CELLS, SUMMARY.last_cells)
    lines = _number(request, "lines", LINES, SUMMARY.most_lines)
    return ChosenView(View(cells, lines), f"cells={cells}&lines={lines}")


def _number(
    request: Request, name: str, allowed: tuple[int, ...], default: int | None
) -> int | None:
    """The number in the query, or the next larger one that is allowed."""
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 7):
        return default
    return next((each for each in allowed if each >= int(text)), allowed[-1])
