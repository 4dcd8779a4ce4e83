"""Answers a request for a notebook. Runs in a rendering process only."""

import json
from dataclasses import asdict

from nbconvert import HTMLExporter

from launcher.rendering import failures, frames, unpacking
from launcher.rendering.convert import convert, convert_saved
from launcher.rendering.counting import count
from launcher.rendering.cutting import cut
from launcher.rendering.saved import SavedNotebook, repaired
from launcher.rendering.views import View

INVALID = {
    frames.NOTEBOOK: failures.CANNOT_BE_SHOWN,
    frames.SAVED: failures.INVALID,
    frames.STATISTICS: failures.INVALID,
}
"""What is answered if a library raises what nobody expects, by the kind of the request."""


def answer(made: HTMLExporter, request: frames.Frame) -> bytes:
    """The kind and the content of the answer; raises whatever a notebook makes a library raise."""
    return _BY_KIND[request.kind](made, request.content)


def _document(made: HTMLExporter, content: bytes) -> bytes:
    asked = json.loads(content)
    return _html(convert(made, asked["notebook"], asked["stylesheet"]))


def _saved_document(made: HTMLExporter, content: bytes) -> bytes:
    options, packed = frames.split(content)
    found = repaired(unpacking.read(packed))
    view = View(**options["view"])
    shown = SavedNotebook(cut(found.cells, view), found.language)
    return _html(convert_saved(made, shown, options["stylesheet"], view))


def _statistics(_: HTMLExporter, content: bytes) -> bytes:
    found = count(repaired(unpacking.read(content)))
    return frames.COUNTED + json.dumps(asdict(found)).encode()


def _html(document: str) -> bytes:
    return frames.HTML + document.encode("utf-8", "replace")


_BY_KIND = {
    frames.NOTEBOOK: _document,
    frames.SAVED: _saved_document,
    frames.STATISTICS: _statistics,
}
