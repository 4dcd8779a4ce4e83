"""Notebooks full of scripts become documents in which nothing can run or load."""

import asyncio

import hostile_notebooks
import nbformat.v4 as v4
import pytest
from hostile_notebooks import ALL, Document

from launcher.rendering import Renderer

STYLE = "/static/notebook.css?v=1"


@pytest.fixture(scope="module")
def documents():
    """The documents of all payloads, by payload."""
    return asyncio.run(hostile_notebooks.documents(ALL, STYLE))


def test_there_are_many_payloads():
    assert len(set(ALL)) == len(ALL) >= 60


@pytest.mark.parametrize("payload", ALL)
def test_nothing_in_the_document_can_run_or_load(documents, payload):
    document = Document(documents[payload])
    assert document.wrong == []
    assert [link for link in document.links if link.endswith(".css?v=1")] == [STYLE]
    assert "A text" in documents[payload]


def test_the_check_notices_what_is_not_sanitised():
    found = [each for each in ALL if Document(f"<p>{each}</p>").wrong]
    assert len(found) > len(ALL) / 2


@pytest.mark.parametrize("stylesheet", ['"><script>alert(1)</script>', "/x.css?a&b"])
def test_the_address_of_the_style_sheet_is_escaped(stylesheet):
    async def render():
        renderer = Renderer()
        try:
            return await renderer.render(v4.new_notebook(), stylesheet)
        finally:
            await renderer.close()

    assert Document(asyncio.run(render())).wrong == []
