"""Notebooks with a payload wherever a notebook can have text, and what documents must not have."""

import asyncio
import gzip
import json
import re
from html.parser import HTMLParser

import nbformat.v4 as v4
from xss_payloads import ELSEWHERE, PAYLOADS

from launcher.rendering import Renderer

# what parsers of HTML understand differently, and what only notebooks have
OF_NOTEBOOKS = [
    "<noscript><style></noscript><img src=x onerror=alert(1)>",
    "<svg></p><style><a id='</style><img src=x onerror=alert(1)>'>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<table><a href=x><math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<select><template><script>alert(1)</script></template></select>",
    "<p title='<!--'><!-- --!><img src=x onerror=alert(1)> -->",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<iframe><p title='</iframe><img src=x onerror=alert(1)>'>",
    "<a href='https://x' style='background:url(javascript:alert(1))' onclick=alert(1)>x</a>",
    f"<p style=\"background:url('{ELSEWHERE}/x.png')\">x</p>",
    f"<img src=data:image/png;base64,AAAA srcset='{ELSEWHERE}/x.png 2x'>",
    f"<img src='data:image/svg+xml,<svg xmlns=%22x%22><image href=%22{ELSEWHERE}%22/></svg>'>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:alert(1)'>x</a>",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    '![x](x.png"onerror=alert(1)//)',
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "```x'onmouseover=alert(1)\n<script>alert(1)</script>\n```",
    "```<script>alert(1)</script>",
    "$\\href{javascript:alert(1)}{x}$ $$<script>alert(1)</script>$$",
    "$</script><script>alert(1)</script>$",
    "\x1b]8;;javascript:alert(1)\x1b\\x\x1b]8;;\x1b\\",
    '\x1b[38;2;1;1;1;"onmouseover=alert(1)m<script>alert(1)</script>',
    "attachment:<script>alert(1)</script>",
]
ALL = PAYLOADS + OF_NOTEBOOKS
LOADS = {
    "src",
    "srcset",
    "data",
    "action",
    "formaction",
    "poster",
    "background",
    "ping",
    "xlink:href",
}


class Document(HTMLParser):
    """What a document has that could run or load something."""

    def __init__(self, text):
        super().__init__()
        self.wrong, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag in ("script", "style", "iframe", "object", "embed", "form", "base", "svg", "math"):
            self.wrong.append(tag)
        for name, value in attributes:
            value = value or ""
            if name.startswith("on") or name in ("style", "srcdoc"):
                self.wrong.append(f"{tag} {name}")
            if name in LOADS and not (tag == "img" and value.startswith("data:image/")):
                self.wrong.append(f"{tag} {name}={value}")
            if name == "href" and tag == "a" and not re.match("(?:https?|mailto):", value):
                self.wrong.append(f"href={value}")
            if tag == "link":
                self.links.append(value)
            if tag == "meta" and value.lower() == "refresh":
                self.wrong.append("refresh")


def markdown(payload):
    return v4.new_markdown_cell(f"A text {payload}\n\n{payload}\n\n$x{payload}$")


def attachment(payload):
    cell = v4.new_markdown_cell(f"![{payload}](attachment:x.png)")
    cell["attachments"] = {"x.png": {"image/png": payload, "text/html": payload}}
    return cell


def output(kind, payload):
    cell = v4.new_code_cell(payload)
    cell.outputs = [v4.new_output("display_data", data={kind: payload, "text/plain": payload})]
    return cell


def stream(payload):
    cell = v4.new_code_cell("print()")
    cell.outputs = [v4.new_output("stream", name="stderr", text=f"\x1b[31m{payload}\x1b[0m")]
    return cell


def error(payload):
    cell = v4.new_code_cell("1/0")
    cell.outputs = [
        v4.new_output("error", ename=payload, evalue=payload, traceback=[f"\x1b[0;31m{payload}"])
    ]
    return cell


KINDS = ("text/html", "image/svg+xml", "text/latex", "text/markdown", "application/javascript")
KINDS += ("image/png", "application/vnd.jupyter.widget-view+json", "application/json")


def notebook_of(payload):
    """A notebook with the payload wherever text can be."""
    cells = [markdown(payload), attachment(payload), stream(payload), error(payload)]
    cells += [v4.new_raw_cell(payload), v4.new_code_cell(payload)]
    cells += [output(kind, payload) for kind in KINDS]
    tagged = v4.new_markdown_cell("x")
    tagged.metadata["tags"] = [payload.replace(",", ";")]  # nbformat allows no comma
    metadata = {
        "title": payload,
        "kernelspec": {"name": payload, "display_name": payload, "language": payload},
        "language_info": {"name": payload, "pygments_lexer": payload},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {payload: {}}}},
    }
    return v4.new_notebook(cells=[*cells, tagged], metadata=metadata)


def slow_notebook(cells):
    """A notebook over which the parser of Markdown takes quadratic time."""
    return v4.new_notebook(cells=[v4.new_markdown_cell("[" * 100_000) for _ in range(cells)])


def packed(notebook):
    """A notebook, or the bytes of its file, as the launcher stores it."""
    content = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    return gzip.compress(content, compresslevel=1)


async def documents(payloads, stylesheet):
    """The document of each payload's notebook, by payload."""

    async def show(renderer, payload):
        return await renderer.render(notebook_of(payload), stylesheet)

    return await _by_payload(payloads, show)


async def saved_documents(payloads, stylesheet, view):
    """The same, of notebooks that somebody saved; a summary shows the first cells, too."""

    async def show(renderer, payload):
        notebook = notebook_of(payload)
        notebook.cells = [*notebook.cells[::-1], stream(f"{payload}\n" * 100)]
        return await renderer.render_saved(packed(notebook), stylesheet, view=view)

    return await _by_payload(payloads, show)


async def _by_payload(payloads, show):
    renderer = Renderer()
    turns = asyncio.Semaphore(2)

    async def one(payload):
        async with turns:
            return payload, await show(renderer, payload)

    try:
        return dict(await asyncio.gather(*(one(payload) for payload in payloads)))
    finally:
        await renderer.close()
