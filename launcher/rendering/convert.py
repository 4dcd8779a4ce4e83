"""Converts a notebook to HTML with nbconvert. Runs in a rendering process only."""

import base64
import html
from typing import Any

import nbformat
import nbformat.v4 as v4
from nbconvert import HTMLExporter

from launcher.rendering.sanitize import sanitize


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
    parsed.metadata.pop("widgets", None)
    for cell in parsed.cells:
        for output in cell.get("outputs", ()):
            _keep_what_can_be_shown(output.get("data", {}))
    body, _ = made.from_notebook_node(parsed)
    style = html.escape(stylesheet, quote=True)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>Notebook</title>'
        f'<link rel="stylesheet" href="{style}"></head>\n'
        f'<body class="notebook">\n{sanitize(body)}\n</body></html>\n'
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
