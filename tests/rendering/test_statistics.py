"""What saved notebooks contain, in numbers; and answers of processes that are not to be trusted."""

import asyncio
import json

import nbformat.v4 as v4
import pytest
from hostile_notebooks import packed, slow_notebook

from launcher.errors import RenderingBusy, RenderingFailed
from launcher.rendering import CellError, Statistics, limits
from launcher.rendering.statistics import parse

STYLE = "/static/notebook.css"
NOTHING = {
    "code_cells": 0,
    "run_cells": 0,
    "last_run": None,
    "first_error": None,
    "is_private": False,
    "language": "",
}


def notebook_of(*cells, **metadata):
    return packed({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


def code(source="x", count=None, outputs=(), **metadata):
    cell = {"cell_type": "code", "source": source, "execution_count": count}
    return {**cell, "outputs": list(outputs), "metadata": metadata}


def error(name, text):
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": []}


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def expected(**fields):
    return Statistics(**{**NOTHING, **fields})


@pytest.mark.parametrize(
    ("cells", "statistics"),
    [
        ([], expected()),
        ([v4.new_markdown_cell("# Title"), v4.new_raw_cell("x")], expected()),
        ([code(), code(" \n"), code(["a\n", "b"])], expected(code_cells=2)),
        (
            [code(count=1), code(outputs=[stream("a")]), code(), code(count=12)],
            expected(code_cells=4, run_cells=3, last_run=12),
        ),
        ([code(count=0)], expected(code_cells=1, run_cells=1, last_run=0)),
        ([code(count=True), code(count="1"), code(count=1.5)], expected(code_cells=3)),
        ([code(count=-1), code(count=2**31), code(count=10**17)], expected(code_cells=3)),
        (
            [
                v4.new_markdown_cell("x"),
                code(outputs=[stream("a"), error("A", "b")]),
                code(outputs=[error("B", "c")]),
            ],
            expected(code_cells=2, run_cells=2, first_error=CellError(2, "A", "b")),
        ),
        ([code(tags=["other", "private"])], expected(code_cells=1, is_private=True)),
        ([code(tags="private"), code(tags={"private": 1})], expected(code_cells=2)),
        ([{"metadata": {"tags": ["private"]}}], expected(is_private=True)),
        ([None, code(count=3)], expected(code_cells=1, run_cells=1, last_run=3)),
    ],
)
def test_the_statistics_of_a_notebook(count, cells, statistics):
    assert count(notebook_of(*cells)) == statistics


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"language_info": {"name": "python"}}, "python"),
        ({"kernelspec": {"language": "R", "name": "ir"}}, "R"),
        ({"language_info": {"name": "x" * 1000}}, "x" * 50),
        ({"language_info": {"name": "a\u202eb\x1b[1m"}}, "ab"),
        ({"language_info": {"name": ["python"]}}, ""),
        ({"language_info": 1, "kernelspec": []}, ""),
    ],
)
def test_the_language_of_a_notebook(count, metadata, language):
    found = count(notebook_of(**metadata))
    assert found == expected(language=language)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 1000, "x" * 200),
        ("\x1b[31mred\x1b[0m \x9b1mbold", "red bold"),
        ("two\nlines\r\n\tand\xa0more", "two lines and more"),
        ("a\u202eb\u2066c\x00d\u200be", "abcde"),
        ("a \ud800 b", "a ? b"),
        (["a", "b"], "ab"),
        ("", ""),
    ],
)
def test_the_text_of_an_error_is_one_line_of_plain_text(count, text, shown):
    found = count(notebook_of(code(outputs=[error(text, text)])))
    assert found.first_error == CellError(1, shown, shown)


def test_statistics_of_an_old_notebook(count):
    failed = {"output_type": "pyerr", "ename": "A", "evalue": "b", "traceback": ["c"]}
    cell = {"cell_type": "code", "input": ["x"], "prompt_number": 7, "outputs": [failed]}
    notebook = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    first_error = CellError(1, "A", "b")
    assert count(packed(notebook)) == expected(
        code_cells=1, run_cells=1, last_run=7, first_error=first_error
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no gzip", "The notebook is not a valid notebook."),
        (packed(b'{"cells": ['), "The notebook is not a complete notebook: it may have been read"),
        (packed(b" " * (limits.MAX_UNPACKED + 1)), "The notebook is too large to show."),
    ],
    ids=["no gzip", "half", "large"],
)
def test_what_cannot_be_counted_is_a_sentence(count, content, sentence):
    with pytest.raises(RenderingFailed) as failure:
        count(content)
    assert str(failure.value).startswith(sentence)


async def test_statistics_of_many_participants_wait_for_their_turn(renderer):
    asked = [renderer.statistics(notebook_of(code(count=n)), f"user-{n}") for n in range(60)]
    assert [each.last_run for each in await asyncio.gather(*asked)] == list(range(60))


async def test_statistics_are_not_refused_because_of_previews(renderer):
    notebook = notebook_of(code(count=1))
    previews = [renderer.render_saved(notebook, STYLE, "anna") for _ in range(limits.MAX_OF_ONE)]
    counted = [renderer.statistics(notebook, "anna") for _ in range(limits.MAX_OF_ONE)]
    refused = [
        renderer.render_saved(notebook, STYLE, "anna"),
        renderer.statistics(notebook, "anna"),
    ]
    answers = await asyncio.gather(*previews, *counted, *refused, return_exceptions=True)
    kinds = [type(answer) for answer in answers]
    assert kinds == [str] * 4 + [Statistics] * 4 + [RenderingBusy] * 2
    assert await renderer.statistics(notebook, "anna"), "there is room again"


def test_a_slow_notebook_is_counted(count):
    assert count(packed(slow_notebook(cells=20))) == expected()


def test_a_true_answer_is_understood():
    assert parse(json.dumps(NOTHING).encode()) == expected()


ERROR = {"cell": 1, "name": "", "text": ""}


@pytest.mark.parametrize(
    "fields",
    [
        {"code_cells": "1"},
        {"code_cells": -1},
        {"code_cells": True},
        {"code_cells": 2**31},
        {"run_cells": 1},
        {"last_run": 1.5},
        {"is_private": 1},
        {"language": None},
        {"language": "x" * 51},
        {"language": "\x1b"},
        {"first_error": []},
        {"first_error": {**ERROR, "cell": 0}},
        {"first_error": {**ERROR, "name": "\u202e"}},
        {"first_error": {**ERROR, "text": "x" * 201}},
        {"first_error": {**ERROR, "text": "\ud800"}},
        {"first_error": {"cell": 1}},
    ],
    ids=str,
)
def test_an_answer_with_wrong_fields_is_refused(fields):
    with pytest.raises(ValueError):
        parse(json.dumps({**NOTHING, **fields}).encode())


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b"[" * 8000, b"1" * 8000, b" " * (limits.MAX_STATISTICS + 1)],
    ids=["empty", "list", "object", "no UTF-8", "deep", "number", "long"],
)
def test_an_answer_of_another_form_is_refused(content):
    with pytest.raises(ValueError):
        parse(content)
