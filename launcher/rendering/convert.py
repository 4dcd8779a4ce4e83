"""Converts notebooks to HTML with nbconvert. Runs in a rendering process only."""

import base64
import html
import re
from collections.abc import Iterator
from typing import Any

import nbformat
import nbformat.v4 as v4
from jinja2 import TemplateError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import InvalidNotebook

from launcher.rendering.sanitize import sanitize
from launcher.rendering.saved import Cell, SavedNotebook, replacement
from launcher.rendering.views import WHOLE, View

# of nbconvert and what it uses, for the content of a cell; InvalidNotebook: a missing attachment
_CONVERSION_FAILS = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError),
    *(ValueError, re.error, TemplateError, InvalidNotebook, nbformat.ValidationError),
)


def exporter() -> HTMLExporter:
    """An exporter that loads nothing from anywhere."""
    made = HTMLExporter(
        template_name="basic",
        sanitize_html=True,
        require_js_url="",
        mathjax_url="",
        mermaid_js_url="",
        jquery_url="",
        jupyter_widgets_base_url="",
        widget_renderer_url="",
        html_manager_semver_range="",
        embed_images=False,
    )
    # nbconvert's own filter shows the tags that it refuses as text
    made.register_filter("clean_html", _clean)
    return made


def warm_up(made: HTMLExporter) -> None:
    """Load what the exporter loads when it is first used: templates, lexers, the schema."""
    code = v4.new_code_cell("print()", outputs=[v4.new_output("stream", text="text")])
    code.outputs.append(v4.new_output("display_data", data={"text/html": "<p>text</p>"}))
    cells = [v4.new_markdown_cell("# Title\n\n```python\nx = 1\n```"), code]
    convert(made, v4.new_notebook(cells=cells), "")


def convert(made: HTMLExporter, notebook: dict[str, Any], stylesheet: str) -> str:
    """The notebook as an HTML document; raises an exception of nbformat or nbconvert."""
    parsed = nbformat.from_dict(notebook)
    nbformat.validate(parsed, relax_add_props=True)
    return _document(_body(made, parsed), stylesheet)


def convert_saved(
    made: HTMLExporter, notebook: SavedNotebook, stylesheet: str, view: View = WHOLE
) -> str:
    """The repaired notebook as an HTML document, with a sentence for cells that cannot be shown.

    All cells of a whole notebook are there, so that the stylesheet can number them. A summary
    begins at its end.
    """
    cells = [_with_element(cell) for cell in notebook.cells]
    body = "\n".join(_bodies(made, cells, notebook.language))
    if view.last_cells is None:
        return _document(body, stylesheet, "notebook numbered")
    return _document(f"<div>\n{body}\n</div>", stylesheet, "notebook summary")


def _with_element(cell: Cell) -> Cell:
    """A cell that becomes one element; nbconvert makes none of a raw cell."""
    if cell["cell_type"] != "raw":
        return cell
    return {**cell, "source": f'<div class="cell">{cell["source"]}</div>'}


def _bodies(made: HTMLExporter, cells: list[Cell], language: dict[str, str]) -> Iterator[str]:
    """The HTML of the cells in one part, or in several if a cell cannot be converted."""
    try:
        yield _body(made, _notebook(cells, language))
    except _CONVERSION_FAILS:
        if len(cells) < 2:
            yield _body(made, _notebook([replacement(cell) for cell in cells], {}))
            return
        middle = len(cells) // 2
        yield from _bodies(made, cells[:middle], language)
        yield from _bodies(made, cells[middle:], language)


def _notebook(cells: list[Cell], language: dict[str, str]) -> nbformat.NotebookNode:
    return nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"language_info": language} if language else {},
            "cells": cells,
        }
    )


def _body(made: HTMLExporter, parsed: nbformat.NotebookNode) -> str:
    """The HTML of the cells, not sanitised as a whole."""
    parsed.metadata.pop("widgets", None)
    for cell in parsed.cells:
        for output in cell.get("outputs", ()):
            _keep_what_can_be_shown(output.get("data", {}))
    body, _ = made.from_notebook_node(parsed)
    return str(body)


def _document(body: str, stylesheet: str, classes: str = "notebook") -> str:
    style = html.escape(stylesheet, quote=True)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>Notebook</title>'
        f'<link rel="stylesheet" href="{style}"></head>\n'
        f'<body class="{classes}">\n{sanitize(body)}\n</body></html>\n'
    )


def _clean(text: Any) -> str:
    return sanitize(text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text))


# they need scripts
_ACTIVE = ("application/javascript", "application/vnd.jupyter.widget-view+json")


def _keep_what_can_be_shown(data: dict[str, Any]) -> None:
    """Remove outputs that need scripts. As the source of a picture, an SVG cannot run any."""
    for kind in _ACTIVE:
        data.pop(kind, None)
    svg = data.pop("image/svg+xml", None)
    if svg is not None and "image/png" not in data:
        text = "".join(svg) if isinstance(svg, list) else str(svg)
        encoded = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
        data["text/html"] = f'<img alt="Picture" src="data:image/svg+xml;base64,{encoded}">'
