"""Rendering processes for the tests of this folder."""

import asyncio

import pytest

from launcher.rendering import WHOLE, Renderer

STYLE = "/static/notebook.css?v=1"


@pytest.fixture
async def renderer():
    """A renderer, whose processes end with the test."""
    made = Renderer()
    yield made
    await made.close()


@pytest.fixture(scope="module")
def warm():
    """A renderer whose process is used by all tests of a module, and what runs its coroutines."""
    with asyncio.Runner() as runner:
        made = Renderer()
        yield made, runner.run
        runner.run(made.close())


@pytest.fixture
def show(warm):
    """Returns the document of a saved notebook."""
    renderer, run = warm
    return lambda packed, view=WHOLE: run(renderer.render_saved(packed, STYLE, view=view))


@pytest.fixture
def count(warm):
    """Returns the statistics of a saved notebook."""
    renderer, run = warm
    return lambda packed: run(renderer.statistics(packed))
