"""Notebooks that somebody saved, whatever is in them, are shown or refused with a sentence."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from html.parser import HTMLParser

import nbformat
import nbformat.v4 as v4
import pytest
from hostile_notebooks import ALL, Document, packed, saved_documents

from launcher.errors import RenderingFailed
from launcher.rendering import SUMMARY, WHOLE, limits, unpacking
from launcher.rendering.failures import NotebookUnusable

STYLE = "/static/notebook.css?v=1"
INVALID = "The notebook is not a valid notebook."
INCOMPLETE = (
    "The notebook is not a complete notebook: it may have been read while it was being written."
)
TOO_LARGE = "The notebook is too large to show."
TEXT = {"cell_type": "markdown", "metadata": {}, "source": "A text"}
LAST = {"cell_type": "markdown", "metadata": {}, "source": "Last cell"}


class Elements(HTMLParser):
    """The elements of a document's body: their tags, and the first class of each."""

    def __init__(self, document):
        super().__init__()
        self.children, self._depth = [], None
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        if tag in ("br", "hr", "img", "meta", "link"):
            return
        if self._depth == 0:
            classes = dict(attributes).get("class", "").split()
            self.children.append(f"{tag} {''.join(classes[:1])}")
        if self._depth is not None:
            self._depth += 1
        if tag == "body":
            self._depth = 0

    def handle_endtag(self, tag):
        if self._depth is not None:
            self._depth -= 1


def file_of(*cells, **fields):
    """The bytes of a notebook file with these cells, and others around them."""
    return json.dumps({"nbformat": 4, "metadata": {}, "cells": [TEXT, *cells, LAST], **fields})


def bomb(size):
    """Gzip data of so many MiB, made of the same block again and again."""
    made = zlib.compressobj(wbits=31)
    head = made.compress(b" ") + made.flush(zlib.Z_FULL_FLUSH)
    block = made.compress(b" " * 2**20) + made.flush(zlib.Z_FULL_FLUSH)
    return head + block * size


def code(*outputs, source="x"):
    return {"cell_type": "code", "source": source, "outputs": outputs}


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data):
    return {"output_type": "display_data", "metadata": {}, "data": data}


DEEP = "[" * 100_000 + "]" * 100_000
VALID = packed(file_of().encode())


REFUSED = {
    "nothing": (b"", INVALID),
    "no gzip": (b"{}", INVALID),
    "damaged gzip": (VALID[:-8] + b"\0" * 8, INVALID),
    "more after gzip": (VALID + b"more", INVALID),
    "too many members": (gzip.compress(b"") * 1000 + VALID, INVALID),
    "half of gzip": (VALID[: len(VALID) // 2], INCOMPLETE),
    "gzip without its end": (VALID[:-1], INCOMPLETE),
    "empty file": (packed(b""), INCOMPLETE),
    "half of the file": (packed(file_of().encode()[:-30]), INCOMPLETE),
    "half of a character": (packed('{"cells": ["\u00e9'.encode()[:-1]), INCOMPLETE),
    "no JSON": (packed(bytes(range(256))), INCOMPLETE),
    "deep JSON": (packed(DEEP.encode()), INVALID),
    "list": (packed([]), INVALID),
    "text": (packed("text"), INVALID),
    "empty object": (packed({}), INVALID),
    "nbformat 2": (packed({"nbformat": 2, "worksheets": []}), INVALID),
    "nbformat 3 with cells": (packed({"nbformat": 3, "cells": []}), INVALID),
    "nbformat 5": (packed(file_of(nbformat=5).encode()), INVALID),
    "nbformat as text": (packed(file_of(nbformat="4").encode()), INVALID),
    "nbformat as boolean": (packed(file_of(nbformat=True).encode()), INVALID),
    "cells as object": (packed({"nbformat": 4, "cells": {}}), INVALID),
    "50 MB": (packed(v4.new_notebook(metadata={"x": "x" * 50_000_000})), TOO_LARGE),
    "bomb of 1 GB": (bomb(1024), TOO_LARGE),
    "large members": (gzip.compress(b" " * 2**22) * 9, TOO_LARGE),
}


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_shown_is_a_sentence(show, content, sentence):
    for view in (WHOLE, SUMMARY):
        with pytest.raises(RenderingFailed) as failure:
            show(content, view)
        assert str(failure.value) == sentence


def test_a_bomb_needs_little_memory():
    content = bomb(1024)
    tracemalloc.start()
    with pytest.raises(NotebookUnusable):
        unpacking.read(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * limits.MAX_UNPACKED


@pytest.mark.slow
def test_what_uses_up_the_memory_when_it_is_parsed_is_too_large(show):
    content = b'{"cells": [' + b"[]," * (limits.MAX_UNPACKED // 4) + b"[]]}"
    with pytest.raises(RenderingFailed, match=r"too (large|long)"):
        show(packed(content), SUMMARY)
    assert show(VALID), "the next one is shown"


SHOWN = [
    packed(file_of().encode("utf-8-sig")),
    b"".join(gzip.compress(file_of().encode()[n : n + 10]) for n in range(0, 500, 10)),
    # more members than are needed, one of them empty
    gzip.compress(b"") + VALID,
    packed(file_of().encode().replace(b"metadata", b"meta\xffdata")),
    packed(file_of(metadata={"number": 0}).replace("0}", "9" * 10_000 + "}").encode()),
    packed(file_of(metadata={"number": [float("nan"), float("inf")]}).encode()),
    packed(file_of(metadata={"deep": 0}).replace("0}", "[" * 500 + "]" * 500 + "}").encode()),
    packed(file_of(metadata={"\ud800": "\udfff"}).encode()),
    packed(file_of(nbformat_minor=0).encode()),
    packed(file_of(nbformat_minor=99, other={"field": 1}).encode()),
    packed(file_of(metadata="none", nbformat_minor="x").encode()),
    packed(file_of(metadata={"language_info": {"pygments_lexer": "python"}}).encode()),
    packed(file_of(metadata={"language_info": {"name": "\ud800", "version": 3}}).encode()),
    packed({"cells": [TEXT, LAST]}),
    packed({"nbformat": 4, "cells": [{**TEXT, "id": "same"}, {**LAST, "id": "same"}]}),
    packed({"nbformat": 4, "cells": [{**TEXT, "id": {}}, {**LAST, "id": "x" * 1000}]}),
    packed({"nbformat": 4, "cells": [{**TEXT, "source": ["A ", "text"]}, LAST]}),
    packed({"worksheets": [{"cells": [TEXT]}, {"cells": [LAST]}]}),
    packed(nbformat.convert(nbformat.from_dict(json.loads(file_of(nbformat_minor=4))), 3)),
]


def test_a_whole_notebook_has_one_element_for_each_cell(show):
    raw = {"cell_type": "raw", "metadata": {}, "source": "</pre></div></div><div class=cell>"}
    wild = {**TEXT, "source": "</div></div></div></div>\n\n<div class='cell'>x</div>"}
    cells = [raw, {**raw, "source": ""}, wild, {**TEXT, "source": ""}, None, {}, code(source="")]
    cells += [code(shown(**{"text/html": "</div></div></div></div></div><div class='cell'>"}))]
    found = Elements(show(packed(file_of(*cells).encode())))
    assert found.children == ["div cell"] * (len(cells) + 2)
    summary = Elements(show(packed(file_of(*cells).encode()), SUMMARY))
    assert summary.children == ["div "]


def test_what_is_unusual_is_shown(show):
    for number, content in enumerate(SHOWN):
        for view in (WHOLE, SUMMARY):
            document = show(content, view)
            assert document.startswith("<!DOCTYPE html>"), number
            assert '<title>Notebook</title><link rel="stylesheet"' in document, number
            kind = "numbered" if view == WHOLE else "summary"
            assert f'<body class="notebook {kind}">' in document, number
            assert "A text" in document, number
            assert "Last cell" in document, number
            assert "cannot be shown" not in document, number


# beside each, what is shown of it
BROKEN = [
    ("", "This cell cannot be shown."),
    (None, "This cell cannot be shown."),
    ([], "This cell cannot be shown."),
    ({}, "This cell cannot be shown."),
    ({"cell_type": "other", "source": ""}, "This cell cannot be shown."),
    ({"cell_type": ["code"], "source": ""}, "This cell cannot be shown."),
    ({"cell_type": "code", "source": 1}, "This cell cannot be shown."),
    ({"cell_type": "code", "source": ["a", 1]}, "This cell cannot be shown."),
    ({"cell_type": "markdown", "source": "![x](attachment:x.png)"}, "This cell cannot be shown."),
    ({"cell_type": "code", "source": "kept_1", "outputs": 1}, "kept_1"),
    ({"cell_type": "code", "source": "kept_2", "outputs": [None, {}]}, "This output cannot"),
    (code({"output_type": "other"}), "This output cannot be shown."),
    (code(stream({"text": 1})), "This output cannot be shown."),
    (code(shown(**{"text/html": 1})), "This output cannot be shown."),
    (code({"output_type": "display_data", "data": []}), "This output cannot be shown."),
    (code({"output_type": "error", "ename": "Name", "evalue": "Text"}), "Name: Text"),
    (code({"output_type": "execute_result", "data": {"text/plain": "result"}}), "result"),
    (code({"output_type": "stream", "name": ["x"], "text": "output"}), "output"),
    ({"cell_type": "markdown", "source": "kept 3", "attachments": {"x": 1}}, "kept 3"),
    ({"cell_type": "code"}, ""),
    ({"cell_type": "raw", "source": "<plaintext> <script> &lt;"}, "&lt;plaintext&gt; &lt;script"),
    ({"cell_type": "code", "source": "a \ud800 b"}, "?"),
    ({"cell_type": "markdown", "source": "<plaintext><script><!--"}, ""),
]


def test_a_broken_cell_hides_no_other_one(show):
    for cell, sentence in BROKEN:
        for view in (WHOLE, SUMMARY):
            content = packed(file_of(cell).encode())
            document = show(content, view)
            assert sentence in document, cell
            assert "A text" in document, cell
            assert "Last cell" in document, cell


def test_broken_cells_among_others_leave_their_order(show):
    cells = [{**TEXT, "source": f"number-{n}"} for n in range(20)]
    for number in (3, 4, 11):
        cells[number] = {**TEXT, "source": "![x](attachment:x.png)"}
    document = show(packed(file_of(*cells).encode()))
    positions = [document.index(f"number-{n}<") for n in range(20) if n not in (3, 4, 11)]
    assert positions == sorted(positions)
    assert document.count("This cell cannot be shown.") == 3
    assert document.count("<body") == document.count("</html>") == 1


def test_an_old_notebook_is_shown_with_its_outputs_and_counts(show):
    failed = {"output_type": "pyerr", "ename": "A", "evalue": "b", "traceback": ["trace"]}
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["A ", "text"]},
        {"cell_type": "heading", "level": 10**9, "source": "Large"},
        {"cell_type": "code", "input": "source", "prompt_number": 7, "outputs": [failed]},
        {"cell_type": "code", "input": "second", "outputs": [{"output_type": "pyout"}]},
        {"cell_type": "code", "input": "x", "outputs": [{"output_type": "pyout", "text": ["out"]}]},
        *(None, {"cell_type": "code", "outputs": 1}, {"cell_type": "heading", "source": 1}),
        LAST,
    ]
    document = show(packed({"worksheets": [{"cells": cells}]}))
    for text in ("<h2>A text", "<h1>Large", "In [7]:", "source", "trace", "out", "Last cell"):
        assert text in document.replace("\xa0", " ").replace("&nbsp;", " ")
    assert document.count("This cell cannot be shown.") == 3


def test_a_cell_that_ran_shows_its_count(show):
    cells = [{**code(), "execution_count": count} for count in (12, None, "x", 2**40)]
    document = show(packed(file_of(*cells).encode()))
    plain = document.replace("\xa0", " ").replace("&nbsp;", " ")
    assert plain.count("In [12]:") == 1
    assert plain.count("In [ ]:") == 3


@pytest.fixture(scope="module", params=[WHOLE, SUMMARY], ids=["whole", "summary"])
def hostile(request):
    """The documents of all payloads, by payload."""
    return asyncio.run(saved_documents(ALL, STYLE, request.param))


def test_nothing_in_the_document_can_run_or_load(hostile):
    for payload, text in hostile.items():
        document = Document(text)
        assert document.wrong == [], payload
        assert [link for link in document.links if link.endswith(".css?v=1")] == [STYLE], payload
        assert "A text" in text, payload
