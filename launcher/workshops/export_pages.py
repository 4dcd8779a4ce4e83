"""The pages in the zip file of an export, which open without the launcher."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from launcher.workshops.dashboards import TrackedNotebook

STYLESHEET = "notebook.css"
# a page of the zip file is opened without the policy of the launcher's own answers
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'; object-src 'none';"
    " frame-src 'none'; connect-src 'none'; img-src data:; form-action 'none'\">"
)
_HEAD = '<meta charset="utf-8">'
_TITLE = "<title>Notebook</title>"
_BODY = re.compile(r'<body class="[a-z ]*">')
_PAGE = (
    f'<!DOCTYPE html>\n<html lang="en"><head>{_HEAD}{_TITLE}'
    '<link rel="stylesheet" href="{style}"></head>\n'
    '<body class="notebook">\n{body}\n</body></html>\n'
)
_TABLE = (
    "<table><thead><tr><th>Notebook</th><th>Participant</th><th>Saved</th><th>Files</th></tr>"
    "</thead>\n<tbody>\n{}\n</tbody></table>"
)


@dataclass(frozen=True)
class Exported:
    """A notebook of an export, and the paths of its files in the zip file."""

    notebook: TrackedNotebook
    file: str | None
    """None if the file could not be read, or is left out."""
    page: str | None


def page_of(it: TrackedNotebook, filename: str, document: str) -> bytes:
    """The document of a notebook as a page that says whose it is."""
    return _titled(document, f"{filename} of {it.user}, saved {time_of(it)}")


def sentence(text: str, file: str | None = None) -> str:
    """A document with a sentence in place of a notebook, and a link to its file."""
    link = f' <a href="{_address(file)}">{escape(file)}</a>' if file else ""
    return _PAGE.format(style=f"../{STYLESHEET}", body=f"<p>{escape(text)}{link}</p>")


def index(exported: Sequence[tuple[str, Exported]]) -> bytes:
    """The page with all notebooks, each with its filename."""
    rows = "\n".join(_row(filename, each) for filename, each in exported)
    document = _PAGE.format(style=STYLESHEET, body=_TABLE.format(rows))
    return _titled(document, "Saved notebooks")


def time_of(it: TrackedNotebook) -> str:
    """When the notebook was saved."""
    return datetime.fromtimestamp(it.seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _titled(document: str, title: str) -> bytes:
    """The launcher's own document with the policy of these pages, a title and a heading."""
    title = escape(title)
    document = document.replace(_HEAD, _HEAD + _POLICY, 1)
    document = document.replace(_TITLE, f"<title>{title}</title>", 1)
    headed = _BODY.sub(lambda body: f"{body[0]}\n<h1>{title}</h1>", document, count=1)
    return headed.encode("utf-8", "replace")


def _row(filename: str, exported: Exported) -> str:
    it = exported.notebook
    cells = [filename, it.user, time_of(it)]
    files = (("page", exported.page), ("file", exported.file))
    links = [f'<a href="{_address(path)}">{name}</a>' for name, path in files if path]
    texts = "".join(f"<td>{escape(each)}</td>" for each in cells)
    return f"<tr>{texts}<td>{' '.join(links) or 'left out'}</td></tr>"


def _address(path: str) -> str:
    return escape(quote(path))
