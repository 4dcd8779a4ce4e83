"""The bounds of a rendering, and its processes."""

import asyncio
import base64
import os

import nbformat.v4 as v4
import psutil
import pytest
from hostile_notebooks import packed, slow_notebook

from launcher.errors import RenderingBusy, RenderingFailed
from launcher.experiments import Catalogue
from launcher.rendering import Renderer, limits

STYLE = "/static/notebook.css"
PICTURE = base64.b64encode(b"not looked at").decode()


async def until(condition):
    """Wait until the condition holds; the test's timeout ends the wait."""
    while not condition():
        await asyncio.sleep(0.05)


def children():
    """The rendering processes of this process."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if "launcher.rendering.process" in " ".join(child.cmdline())
    ]


@pytest.mark.parametrize("experiment", Catalogue.load().all(), ids=lambda each: each.name)
async def test_every_bundled_notebook_can_be_shown(renderer, experiment):
    notebook = v4.new_notebook(cells=experiment.template.notebook["cells"])
    document = await renderer.render(notebook, STYLE)
    assert document.startswith("<!DOCTYPE html>")
    assert "<h1>" in document
    assert "&lt;h1" not in document, "no tags as text"


async def test_pictures_tables_and_code_are_kept(renderer):
    cell = v4.new_code_cell("x = 'text'")
    data = {"image/png": PICTURE, "text/html": "<table><tr><td>cell</td></tr></table>"}
    cell.outputs = [
        v4.new_output("display_data", data={"image/png": PICTURE}),
        v4.new_output("display_data", data={"text/html": data["text/html"]}),
        v4.new_output("display_data", data={"image/svg+xml": "<svg><script>1</script></svg>"}),
    ]
    document = await renderer.render(v4.new_notebook(cells=[cell]), STYLE)
    assert f"data:image/png;base64,{PICTURE}" in document
    assert "<td>cell</td>" in document
    assert "data:image/svg+xml;base64," in document
    assert '<span class="s1">' in document


@pytest.mark.parametrize("notebook", [{}, {"cells": 1}, {"nbformat": 4, "cells": [{}]}])
async def test_what_is_no_notebook_is_a_sentence(renderer, notebook):
    with pytest.raises(RenderingFailed, match="not a valid notebook"):
        await renderer.render(notebook, STYLE)


async def test_a_notebook_that_is_too_large_is_refused_before_it_is_sent(renderer):
    notebook = v4.new_notebook(cells=[v4.new_raw_cell("x" * limits.MAX_NOTEBOOK)])
    with pytest.raises(RenderingFailed, match="too large"):
        await renderer.render(notebook, STYLE)
    assert children() == []


async def test_a_saved_notebook_that_is_too_large_is_refused_before_it_is_sent(renderer):
    content = b"x" * (limits.MAX_PACKED + 1)
    for asked in (renderer.render_saved(content, STYLE), renderer.statistics(content)):
        with pytest.raises(RenderingFailed, match="too large"):
            await asked
    assert children() == []


@pytest.mark.slow
async def test_a_document_that_becomes_too_large_is_refused(renderer):
    # each character of the source becomes many of HTML
    cell = v4.new_code_cell("1+" * (limits.MAX_HTML // 20))
    with pytest.raises(RenderingFailed, match=r"too (large|long)"):
        await renderer.render(v4.new_notebook(cells=[cell]), STYLE)
    assert await renderer.render(v4.new_notebook(), STYLE), "the next one is rendered"


@pytest.mark.slow
async def test_a_notebook_that_uses_up_its_time_is_ended(renderer):
    with pytest.raises(RenderingFailed, match="too long"):
        await renderer.render(slow_notebook(cells=20), STYLE)
    assert await renderer.render(v4.new_notebook(), STYLE), "the next one is rendered"


@pytest.mark.slow
async def test_a_notebook_that_uses_up_its_memory_is_ended(renderer):
    notebook = v4.new_notebook()
    # each object of three bytes becomes one of hundreds of bytes
    body = {**notebook, "metadata": {"objects": [{}] * (limits.MAX_NOTEBOOK // 5)}}
    with pytest.raises(RenderingFailed, match=r"too (large|long)"):
        await renderer.render(body, STYLE)
    assert await renderer.render(notebook, STYLE), "the next one is rendered"


async def test_what_is_nested_too_deeply_is_a_sentence(renderer):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RenderingFailed, match="nested"):
        await renderer.render({**v4.new_notebook(), "metadata": {"deep": deep}}, STYLE)


async def test_characters_that_cannot_be_encoded_are_replaced(renderer):
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("before \ud800 after")])
    assert "before ? after" in await renderer.render(notebook, STYLE)


async def test_a_process_that_died_while_idle_is_replaced(renderer):
    await renderer.render(v4.new_notebook(), STYLE)
    (child,) = children()
    child.kill()
    assert await renderer.render(v4.new_notebook(), STYLE)
    assert child not in children()


async def test_a_process_that_dies_over_a_notebook_is_replaced(renderer):
    await renderer.render(v4.new_notebook(), STYLE)
    (child,) = children()
    task = asyncio.create_task(renderer.render(slow_notebook(cells=1), STYLE))
    await until(lambda: child.children())
    over = child.children()
    child.kill()
    with pytest.raises(RenderingFailed, match="too long"):
        await task
    assert not [each for each in over if each.is_running() and each.status() != "zombie"]


async def test_a_child_that_is_killed_ends_its_notebook_alone(renderer):
    await renderer.render(v4.new_notebook(), STYLE)
    (process,) = children()
    notebook = packed(slow_notebook(cells=20))
    task = asyncio.create_task(renderer.render_saved(notebook, STYLE))
    await until(process.children)
    process.children()[0].kill()
    with pytest.raises(RenderingFailed, match="too large"):
        await task
    assert await renderer.render(v4.new_notebook(), STYLE)
    assert children() == [process]


async def test_an_idle_process_ends(renderer):
    renderer = Renderer(idle_seconds=0.2)
    await renderer.render(v4.new_notebook(), STYLE)
    await until(lambda: children() == [])
    assert await renderer.render(v4.new_notebook(), STYLE)
    await renderer.close()


async def test_many_at_once_take_turns(renderer):
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# Title")])
    documents = await asyncio.gather(*(renderer.render(notebook, STYLE) for _ in range(20)))
    assert len(set(documents)) == 1
    assert len(children()) <= limits.MAX_AT_ONCE


@pytest.mark.slow
async def test_who_waits_for_too_long_may_try_again(renderer):
    # more than can have their turn, also if WAIT_SECONDS ends while a turn does
    turns = [renderer.render(slow_notebook(cells=20), STYLE) for _ in range(limits.MAX_AT_ONCE * 5)]
    answers = await asyncio.gather(*turns, return_exceptions=True)
    kinds = {type(answer) for answer in answers}
    assert kinds == {RenderingFailed, RenderingBusy}
    assert all(each.retry_after for each in answers if isinstance(each, RenderingBusy))


async def test_a_machine_without_memory_for_a_process_is_busy(renderer, mocker):
    mocker.patch("asyncio.create_subprocess_exec", side_effect=BlockingIOError("no process"))
    with pytest.raises(RenderingBusy):
        await renderer.render(v4.new_notebook(), STYLE)
    mocker.stopall()
    assert await renderer.render(v4.new_notebook(), STYLE)


async def test_nothing_stays_when_it_is_closed():
    renderer = Renderer()
    await renderer.render(v4.new_notebook(), STYLE)
    assert children()
    await renderer.close()
    assert children() == []
    with pytest.raises(RenderingBusy):
        await renderer.render(v4.new_notebook(), STYLE)
    assert children() == []


async def test_nothing_stays_when_it_is_closed_over_a_notebook():
    renderer = Renderer()
    task = asyncio.create_task(renderer.render(slow_notebook(cells=20), STYLE))
    await until(lambda: children() and children()[0].children())
    await renderer.close()
    with pytest.raises(RenderingBusy):
        await task
    assert children() == []


async def test_nothing_stays_when_it_is_closed_over_starts():
    renderer = Renderer()
    turns = [asyncio.create_task(renderer.render(v4.new_notebook(), STYLE)) for _ in range(3)]
    await asyncio.sleep(0)
    await renderer.close()
    answers = await asyncio.gather(*turns, return_exceptions=True)
    assert {type(answer) for answer in answers} <= {RenderingBusy, str}
    assert children() == []


async def test_what_was_started_for_a_caller_that_goes_away_is_for_the_next(renderer):
    task = asyncio.create_task(renderer.render(v4.new_notebook(), STYLE))
    await until(children)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (started,) = children()
    assert await renderer.render(v4.new_notebook(), STYLE)
    assert children() == [started]


async def test_a_caller_that_goes_away_leaves_no_stuck_process(renderer):
    task = asyncio.create_task(renderer.render(slow_notebook(cells=20), STYLE))
    await until(lambda: children() and children()[0].children())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await renderer.render(v4.new_notebook(), STYLE)
    assert len(children()) <= limits.MAX_AT_ONCE


async def test_a_rendering_process_knows_no_secret(renderer, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret-of-the-launcher")
    await renderer.render(v4.new_notebook(), STYLE)
    (child,) = children()
    assert "JUPYTERHUB_API_TOKEN" not in child.environ()
    opened = [
        os.readlink(f"/proc/{child.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{child.pid}/fd")
    ]
    assert [each for each in opened if each.startswith("socket:")] == []
