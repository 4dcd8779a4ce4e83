"""Rendering the notebooks of one participant does not hold up those of the others."""

import asyncio

import pytest

from launcher import store
from launcher.errors import RenderingBusy, RenderingFailed
from launcher.rendering import SUMMARY, WHOLE, Renderer, View, failures
from launcher.store import Store, saved_notebooks
from launcher.store import events as event_rows
from launcher.workshops.notebooks import Notebooks
from launcher.workshops.people import Viewer

TEACHER = Viewer("tina", sees_all=True)
TOO_LONG = failures.sentence(failures.TOO_LONG.encode())
INVALID = failures.sentence(failures.INVALID.encode())


class StuckRenderer(Renderer):
    """Renders no notebook before `go` is set, and fails with the sentence if there is one."""

    def __init__(self, sentence=""):
        super().__init__()
        self.go = asyncio.Event()
        self.started = 0
        self.sentence = sentence

    async def _document(self, message):
        self.started += 1
        await self.go.wait()
        if self.sentence:
            raise RenderingFailed(self.sentence)
        return "document"


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path}/launcher.sqlite"
    store.migrate(url)
    made = Store(url)
    yield made
    made.close()


async def saved(database, user, path="day1.ipynb"):
    """The id of the event of a new save; its content is like no other."""

    def put(connection):
        kept = {"user": user, "path": path, "at": 1}
        event = event_rows.put(connection, type="save-notebook", filename=path, most=99, **kept)
        content = {"content_hash": f"{user} {path}", "content": b"x", "size": 1}
        saved_notebooks.put(connection, **kept, **content, most=9, most_bytes=10**6)
        return event.id

    return await database.run(put)


async def test_one_owner_cannot_have_all_turns(database):
    renderer = StuckRenderer()
    notebooks = Notebooks(database, renderer)
    of_eve = await notebooks.find(TEACHER, await saved(database, "eve"))
    views = [View(10, lines) for lines in range(12)]
    asked = [asyncio.create_task(notebooks.document(of_eve, None, "", view)) for view in views]
    users = [f"user-{number}" for number in range(30)]
    others = [await notebooks.find(TEACHER, await saved(database, user)) for user in users]
    frames = [asyncio.create_task(notebooks.document(each, None, "", SUMMARY)) for each in others]
    async with asyncio.timeout(20):
        while renderer.started < 34:
            await asyncio.sleep(0.01)
    renderer.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, RenderingBusy)]
    assert len(refused) == 8
    assert all(each.retry_after for each in refused)
    assert await asyncio.gather(*frames) == ["document"] * 30, "a teacher's page of all others"


@pytest.mark.parametrize(("sentence", "tries"), [(TOO_LONG, 1), (INVALID, 2)])
async def test_a_notebook_that_failed_is_not_tried_again(database, sentence, tries):
    renderer = StuckRenderer(sentence)
    renderer.go.set()
    notebooks = Notebooks(database, renderer)
    found = await notebooks.find(TEACHER, await saved(database, "eve"))
    for view in (WHOLE, SUMMARY, WHOLE, SUMMARY):
        with pytest.raises(RenderingFailed, match=sentence):
            await notebooks.document(found, None, "", view)
    assert renderer.started == tries
