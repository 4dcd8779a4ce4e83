"""Cuts a repaired notebook to what a view shows. Runs in a rendering process only."""

import re
from typing import Any

from launcher.rendering.saved import Cell, is_empty
from launcher.rendering.saved_outputs import Output, text_output
from launcher.rendering.views import View

MAX_LINE = 1000
"""Characters of one line of a text output."""
MAX_MARKUP = 30_000
"""Characters of an HTML, Markdown or LaTeX output."""
MAX_PICTURE = 500_000
"""Characters of a picture in base64."""
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_ESCAPE = "\x1b["
_NORMAL_COLOURS = "\x1b[0m"


def cut(cells: list[Cell], view: View) -> list[Cell]:
    """The cells that the view shows, with the outputs that it shows."""
    if view.last_cells is not None:
        shown = [cell for cell in cells if not is_empty(cell)]
        cells = shown[max(0, len(shown) - view.last_cells) :]
    if view.most_lines is None:
        return cells
    return [_with_cut_outputs(cell, view.most_lines) for cell in cells]


def cut_text(text: str, most_lines: int) -> str:
    """At most so many lines, of which one says how many are left out."""
    lines = _LINE_ENDS.split(text)
    # the end of the last line is not a line
    end = [""] if lines[-1] == "" else []
    lines = lines[: len(lines) - len(end)]
    if len(lines) > most_lines:
        notice = _notice(len(lines) - most_lines + 1, "lines")
        notice = f"{_NORMAL_COLOURS}{notice}" if _ESCAPE in text else notice
        lines = _without_middle(lines, most_lines, notice)
    return "\n".join([*map(_cut_line, lines), *end])


def _cut_line(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"


def _notice(count: int, things: str) -> str:
    return f"… {count:,} {things} are left out …"


def _without_middle(items: list[Any], most: int, notice: Any) -> list[Any]:
    """As many of the items, the notice among them."""
    before = (most - 1) // 2
    after = most - 1 - before
    return [*items[:before], notice, *items[len(items) - after :]]


def _with_cut_outputs(cell: Cell, most_lines: int) -> Cell:
    if cell["cell_type"] != "code":
        return cell
    outputs = cell["outputs"]
    if len(outputs) > most_lines:
        notice = text_output(_notice(len(outputs) - most_lines + 1, "outputs"))
        outputs = _without_middle(outputs, most_lines, notice)
    return {**cell, "outputs": [_cut_output(output, most_lines) for output in outputs]}


def _cut_output(output: Output, most_lines: int) -> Output:
    if output["output_type"] == "stream":
        return {**output, "text": cut_text(output["text"], most_lines)}
    if output["output_type"] == "error":
        return {**output, "traceback": [cut_text("\n".join(output["traceback"]), most_lines)]}
    ((kind, text),) = output["data"].items()
    if kind == "text/plain":
        return {**output, "data": {kind: cut_text(text, most_lines)}}
    if len(text) > (MAX_PICTURE if kind.startswith("image/") else MAX_MARKUP):
        return text_output(
            f"This output is too large to show here: it has {len(text):,} characters."
        )
    return output
