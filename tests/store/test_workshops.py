"""Workshops and the notebooks that they track, as rows, in both databases."""

import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from waiting import at_once

from launcher import store
from launcher.store import events, saved_notebooks, tracked_notebooks, workshops
from launcher.store.tables import events as event_table
from launcher.store.tables import saved_notebooks as save_table
from launcher.store.tracked_notebooks import Selection
from launcher.store.workshops import Workshop

MINE = Workshop(
    name="course",
    title="Course",
    notebooks=("day1.ipynb",),
    group=None,
    users=("ann",),
    starts=None,
    ends=None,
    retention_days=None,
    created_by="tina",
)


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own."""
    engine = store.connect(database_url)

    def run(work, *args, **more):
        with engine.begin() as connection:
            return work(connection, *args, **more)

    yield run
    engine.dispose()


def save(do, user="ann", path="day1.ipynb", at=1, content=b"x"):
    """Store a save and its event; the ids of both."""
    name = path.rpartition("/")[2]
    event = do(events.put, type="s", user=user, filename=name, path=path, at=at, most=100)
    row = {"content_hash": "h", "content": content, "size": 5, "most": 10, "most_bytes": 10**6}
    return event.id, do(saved_notebooks.put, user=user, path=path, at=at, **row)


def tracked(do, **wanted):
    return do(tracked_notebooks.select, Selection("s", **wanted), 100)


def test_a_workshop_is_stored_changed_and_removed(do):
    assert do(workshops.insert, MINE, 10)
    found = do(workshops.find, "course")
    assert found == replace(MINE, created_at=found.created_at, updated_at=found.updated_at)
    changed = replace(MINE, title="Other", created_by="eve", starts=1.0, ends=2.0)
    assert do(workshops.replace, changed)
    after = do(workshops.find, "course")
    assert (after.title, after.created_by, after.created_at) == ("Other", "tina", found.created_at)
    assert do(workshops.remove, "course")
    assert not do(workshops.remove, "course")
    assert not do(workshops.replace, MINE)
    assert do(workshops.find, "course") is None


def test_names_are_used_once_and_there_are_not_too_many(do):
    assert do(workshops.insert, MINE, 2)
    assert not do(workshops.insert, MINE, 2)
    assert do(workshops.insert, replace(MINE, name="b"), 2)
    assert not do(workshops.insert, replace(MINE, name="c"), 2)


def test_of_two_at_once_with_one_name_one_is_stored(do):
    def attempt(_):
        try:
            return do(workshops.insert, MINE, 10)
        except sa.exc.IntegrityError:
            return False

    assert sorted(at_once(4, attempt)) == [False, False, False, True]


def test_the_last_ones_come_first(do):
    for name, starts in (("old", 1.0), ("new", 4e9), ("none", None)):
        do(workshops.insert, replace(MINE, name=name, starts=starts), 10)
    assert [each.name for each in do(workshops.find_all)] == ["new", "none", "old"]


def test_each_notebook_has_its_last_save(do):
    save(do, at=1)
    event, last = save(do, at=3)
    save(do, "ben", "a/day1.ipynb")
    [ann, ben] = tracked(do)
    assert (ann.id, ann.save, ann.at, ann.has_content, ann.size) == (event, last, 3, True, 5)
    assert (ben.user, ben.path, ben.filename) == ("ben", "a/day1.ipynb", "day1.ipynb")
    assert tracked(do, users=["ben"]) == [ben]
    assert tracked(do, patterns=["day2.ipynb"]) == []
    assert tracked(do, patterns=[]) == []


def test_nobody_has_more_than_so_many(do):
    for number in range(1, 6):
        save(do, path=f"{number}.ipynb", at=number)
    save(do, "ben", "0.ipynb", at=1)
    found = tracked(do, most_of_user=2)
    assert [(row.user, row.path) for row in found] == [
        ("ann", "5.ipynb"),
        ("ann", "4.ipynb"),
        ("ben", "0.ipynb"),
    ]
    assert tracked(do, users=[]) == []


def test_saves_of_another_time_do_not_count(do):
    for at in (10, 20, 30):
        save(do, at=at)
    for times, at in (
        ({}, 30),
        ({"until": 25}, 20),
        ({"since": 15, "until": 20}, 20),
        ({"since": 30}, 30),
    ):
        assert [row.at for row in tracked(do, **times)] == [at]
    assert tracked(do, since=31) == []
    assert tracked(do, until=9) == []


def test_a_notebook_whose_saves_are_gone_is_still_known(do):
    save(do, at=10)
    do(saved_notebooks.remove, "ann", "day1.ipynb")
    [row] = tracked(do)
    assert (row.at, row.save, row.has_content, row.statistics) == (10, None, False, None)
    assert tracked(do, since=11) == []


def test_patterns_find_the_filenames_that_match(do):
    for path in ("day1-a.ipynb", "day1_b.ipynb", "a%b.ipynb", "axb.ipynb", "x/day2.ipynb"):
        save(do, path=path)

    def names(*patterns):
        return sorted(row.filename for row in tracked(do, patterns=patterns))

    assert names("day1*.ipynb") == ["day1-a.ipynb", "day1_b.ipynb"]
    assert names("day1_b.ipynb") == ["day1_b.ipynb"]
    assert names("day1_*.ipynb") == ["day1_b.ipynb"]
    assert names("a%*.ipynb", "day2.ipynb") == ["a%b.ipynb", "day2.ipynb"]
    assert names("a?b.ipynb") == ["a%b.ipynb", "axb.ipynb"]


def test_saves_are_counted_once(do):
    _, first = save(do, at=1)
    save(do, at=2, content=None)
    [left] = do(saved_notebooks.uncounted, time.time() + 1, 10, 3)
    assert left.id == first
    assert do(saved_notebooks.uncounted, time.time() - 60, 10, 3) == []
    do(saved_notebooks.set_statistics, first, {"code_cells": 1})
    assert do(saved_notebooks.uncounted, time.time() + 1, 10, 3) == []
    [row] = tracked(do, until=1)
    assert row.statistics == {"code_cells": 1}


def test_a_save_of_the_same_time_is_not_stored_again(do):
    _, first = save(do)
    _, again = save(do)
    assert first is not None
    assert again is None


def test_old_saves_of_one_notebook_are_removed(do):
    for at in (1, 2):
        save(do, at=at)
    save(do, "ben")
    with_age = save_table.update().where(save_table.c.at == 1, save_table.c.user == "ann")
    do(lambda connection: connection.execute(with_age.values(received_at=10.0)))
    for module in (saved_notebooks, events):
        do(module.remove, "ann", "day1.ipynb", received_before=20.0)
    assert [each.at for each in do(saved_notebooks.of_notebook, "ann", "day1.ipynb")] == [2]
    assert len(tracked(do)) == 2
    do(lambda connection: connection.execute(event_table.update().values(received_at=10.0)))
    do(events.remove, "ann", "day1.ipynb", received_before=20.0)
    assert [row.user for row in tracked(do)] == ["ben"]
