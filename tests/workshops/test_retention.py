"""A workshop deletes what it kept earlier than the site does."""

import asyncio
from dataclasses import replace

import pytest

from launcher import outbound, store
from launcher.hub import Hub
from launcher.store import Store, events, saved_notebooks, workshops
from launcher.store.tables import events as event_table
from launcher.store.tables import saved_notebooks as save_table
from launcher.store.workshops import Workshop
from launcher.workshops.registry import Workshops
from launcher.workshops.retention import DAY_SECONDS, Retention

COURSE = Workshop(
    name="course",
    title="Course",
    notebooks=("day1*.ipynb",),
    group=None,
    users=("ann",),
    starts=None,
    ends=None,
    retention_days=2,
    created_by="tina",
)


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path}/launcher.sqlite"
    store.migrate(url)
    made = Store(url)
    yield made
    made.close()


def save(connection, user, filename, days):
    """Store a save that was received so many days ago."""
    kept = {"user": user, "path": filename, "at": 1}
    events.put(connection, type="save-notebook", filename=filename, most=9, **kept)
    content = {"content_hash": "h", "content": b"x", "size": 1, "most": 9, "most_bytes": 10**6}
    saved_notebooks.put(connection, **kept, **content)
    for table in (event_table, save_table):
        this = (table.c.user == user) & (table.c.path == filename)
        moved = table.c.received_at - days * DAY_SECONDS
        connection.execute(table.update().where(this).values(received_at=moved))


async def delete_old(database):
    async with outbound.open_session(lambda *_: None, connections=1) as session:
        nowhere = Hub(session, "http://127.0.0.1:1/hub/api", "t")
        await Retention(database, Workshops(database, nowhere)).delete_old()
    found = await database.read(events.select, {}, limit=99)
    return sorted((each.user, each.filename) for each in found)


def test_only_what_is_too_old_of_its_participants_and_notebooks_is_deleted(database):
    async def scenario():
        await database.run(workshops.insert, COURSE, 9)
        for user, filename, days in (
            ("ann", "day1.ipynb", 3),
            ("ann", "day1-new.ipynb", 1),
            ("ann", "other.ipynb", 3),
            ("ben", "day1.ipynb", 3),
        ):
            await database.run(save, user, filename, days)
        return await delete_old(database)

    left = [("ann", "day1-new.ipynb"), ("ann", "other.ipynb"), ("ben", "day1.ipynb")]
    assert asyncio.run(scenario()) == left


def test_a_group_that_is_not_known_keeps_what_it_has_and_stops_no_other(database):
    async def scenario():
        unknown = replace(COURSE, name="a", group="course", notebooks=("exam.ipynb",))
        await database.run(workshops.insert, unknown, 9)
        await database.run(workshops.insert, COURSE, 9)
        for filename in ("exam.ipynb", "day1.ipynb"):
            await database.run(save, "ann", filename, 3)
        return await delete_old(database)

    assert asyncio.run(scenario()) == [("ann", "exam.ipynb")]
