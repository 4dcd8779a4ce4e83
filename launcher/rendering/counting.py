"""Counts what a saved notebook contains. Runs in a rendering process only."""

from launcher.log_text import cleaned
from launcher.rendering.saved import Cell, SavedNotebook, is_empty, is_private
from launcher.rendering.statistics import MAX_LANGUAGE, MAX_TEXT, CellError, Statistics


def count(notebook: SavedNotebook) -> Statistics:
    """The statistics of the notebook."""
    code = [each for each in notebook.cells if each["cell_type"] == "code" and not is_empty(each)]
    counts = [each["execution_count"] for each in code if each["execution_count"] is not None]
    return Statistics(
        code_cells=len(code),
        run_cells=sum(_has_run(cell) for cell in code),
        last_run=max(counts, default=None),
        first_error=_first_error(notebook.cells),
        is_private=any(map(is_private, notebook.cells)),
        language=plain(notebook.language.get("name", ""), MAX_LANGUAGE),
    )


def plain(text: str, most: int) -> str:
    """The beginning of a text in one line, without what a terminal or a page would obey."""
    (line,) = cleaned([" ".join(text.split())])
    return " ".join(line.split())[:most]


def _has_run(cell: Cell) -> bool:
    return cell["execution_count"] is not None or bool(cell["outputs"])


def _first_error(cells: list[Cell]) -> CellError | None:
    for number, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                name, text = plain(output["ename"], MAX_TEXT), plain(output["evalue"], MAX_TEXT)
                return CellError(number, name, text)
    return None
