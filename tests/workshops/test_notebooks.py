"""Rendering the notebooks of one participant does not hold up those of the others."""

import asyncio

import pytest
from hostile_notebooks import packed
from saving import notebook

from launcher import store
from launcher.errors import NotFound, RenderingBusy, RenderingFailed, TooLarge, TooManyRequests
from launcher.rendering import SUMMARY, WHOLE, Renderer, View, failures
from launcher.store import Store, saved_notebooks
from launcher.store import events as event_rows
from launcher.workshops import notebook_files
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


async def saved(database, user, path="day1.ipynb", content=b"x"):
    """The id of the event of a new save; its content is like no other."""

    def put(connection):
        kept = {"user": user, "path": path, "at": 1}
        event = event_rows.put(connection, type="save-notebook", filename=path, most=99, **kept)
        about = {"content_hash": f"{user} {path}", "content": content, "size": 1}
        saved_notebooks.put(connection, **kept, **about, most=9, most_bytes=10**6)
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


async def test_a_participant_downloads_two_notebooks_at_a_time(database):
    notebooks = Notebooks(database, StuckRenderer())
    content = notebook("x" * 1_000_000)
    found = await notebooks.find(
        TEACHER, await saved(database, "ann", content=packed(content.encode()))
    )
    eve, ann = Viewer("eve", sees_all=True), Viewer("ann", sees_all=False)
    first, second = [await notebooks.download(eve, found, None) for _ in range(2)]
    with pytest.raises(TooManyRequests):
        await notebooks.download(eve, found, None)
    other = await notebooks.download(ann, found, None)
    parts = [part async for part in other.content]
    assert b"".join(parts).decode() == content
    assert (other.size, max(map(len, parts))) == (len(content), notebook_files.PART)
    assert await anext(first.content)
    await first.content.aclose()
    assert await notebooks.download(eve, found, None), "the first one has ended"
    del second
    for _ in range(5):
        assert await notebooks.download(eve, found, None), "nobody has the second one"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no gzip", NotFound),
        (packed(b"half")[:-1], NotFound),
        (packed(b"x") + b"more", NotFound),
        (packed(b" " * (notebook_files.MAX_FILE + 1)), TooLarge),
    ],
    ids=["no gzip", "half", "more", "large"],
)
async def test_what_cannot_be_unpacked_is_not_begun(database, content, problem):
    notebooks = Notebooks(database, StuckRenderer())
    found = await notebooks.find(TEACHER, await saved(database, "ann", content=content))
    with pytest.raises(problem):
        await notebooks.download(TEACHER, found, None)


async def test_a_file_of_several_members_is_one_file(database):
    notebooks = Notebooks(database, StuckRenderer())
    content = packed(b"one ") + packed(b"") + packed(b"two")
    found = await notebooks.find(TEACHER, await saved(database, "ann", content=content))
    download = await notebooks.download(TEACHER, found, None)
    assert b"".join([part async for part in download.content]) == b"one two"
