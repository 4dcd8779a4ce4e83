"""Saves are counted in turns, so that one participant does not hold up the others."""

import asyncio

import pytest
from hostile_notebooks import packed
from saving import code, notebook

from launcher import store
from launcher.rendering import Renderer
from launcher.store import Store, event_deliveries, saved_notebooks
from launcher.store import events as event_rows
from launcher.workshops import counting, waiting_saves
from launcher.workshops.counting import Counting
from launcher.workshops.waiting_saves import WaitingSaves

TARGET = "on_event"


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path}/launcher.sqlite"
    store.migrate(url)
    made = Store(url)
    yield made
    made.close()


@pytest.fixture
async def renderer():
    made = Renderer()
    yield made
    await made.close()


def put(connection, user, path, content, at=1):
    """Store a save with an event that waits to be delivered; the save's id."""
    kept = {"user": user, "path": path, "at": at}
    event = event_rows.put(connection, type="save-notebook", filename=path, most=999, **kept)
    about = {"type": event.type, "user": user, "filename": path, "path": path}
    event_deliveries.put(connection, [TARGET], {"id": event.id, **about})
    content = {"content": packed(content.encode()), "content_hash": f"{user}{path}{at}"}
    return saved_notebooks.put(connection, **kept, **content, size=1, most=99, most_bytes=10**9)


async def all_of(waiting):
    return [await waiting.take() for _ in range(len(waiting))]


async def test_users_take_turns():
    waiting = WaitingSaves()
    for number in range(1, 6):
        waiting.put(number, "eve", f"{number}.ipynb")
    waiting.put(10, "ann", "a.ipynb")
    waiting.put(11, "ben", "a.ipynb")
    assert await all_of(waiting) == [1, 10, 11, 2, 3, 4, 5]


async def test_the_last_of_several_saves_of_a_notebook_is_counted():
    waiting = WaitingSaves()
    for save_id in (1, 3, 2):
        waiting.put(save_id, "ann", "a.ipynb")
    waiting.put(4, "ann", "b.ipynb")
    assert await all_of(waiting) == [3, 4]


async def test_a_bounded_number_of_saves_waits():
    waiting = WaitingSaves()
    for number in range(1000):
        waiting.put(number, "eve", f"{number}.ipynb")
    assert len(waiting) == waiting_saves.MOST_OF_ONE
    waiting.put(1, "ann", "a.ipynb")
    assert len(waiting) == waiting_saves.MOST_OF_ONE + 1


async def test_who_waits_for_a_save_gets_the_next():
    waiting = WaitingSaves()
    task = asyncio.create_task(waiting.take())
    await asyncio.sleep(0)
    waiting.put(1, "ann", "a.ipynb")
    assert await task == 1
    assert len(waiting) == 0


async def test_saves_that_were_left_are_counted_a_few_of_each_user(database, renderer, mocker):
    mocker.patch.object(counting, "LOOK_SECONDS", 0.1)
    mocker.patch.object(counting, "LEFT_SECONDS", -60)
    mocker.patch.object(counting, "AT_ONCE", 5)
    of_ann = await database.run(put, "ann", "a.ipynb", notebook(code(count=1)))
    for number in range(20):
        await database.run(put, "eve", f"{number}.ipynb", notebook(code(count=1)))
    left = await database.read(saved_notebooks.uncounted, 1e12, 5, counting.LEFT_OF_ONE)
    assert [each.user for each in left] == ["eve"] * counting.LEFT_OF_ONE + ["ann"]
    assert left[-1].id == of_ann
    task = asyncio.create_task(Counting(database, renderer).run())
    async with asyncio.timeout(30):
        while await database.read(saved_notebooks.uncounted, 1e12, 5, 9):
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_nothing_of_a_private_notebook_is_delivered(database, renderer):
    private = notebook(code(tags=["private"]))
    save_id = await database.run(put, "ann", "a.ipynb", private)
    await database.run(put, "ann", "b.ipynb", notebook("x"))
    found = Counting(database, renderer)
    found.soon(save_id, "ann", "a.ipynb")
    task = asyncio.create_task(found.run())
    async with asyncio.timeout(30):
        while await database.read(saved_notebooks.find, save_id):
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    claimed = await database.run(event_deliveries.claim, "w", {TARGET: 9})
    assert [each.event["path"] for each in claimed] == ["b.ipynb"]
