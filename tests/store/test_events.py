"""Events and saves of notebooks, as rows, in both databases."""

import gzip
import time

import pytest
import sqlalchemy as sa
from waiting import at_once

from launcher import store
from launcher.store import events, pruning, saved_notebooks
from launcher.store.tables import saved_notebooks as table


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own."""
    engine = store.connect(database_url)

    def run(work, *args, **more):
        with engine.begin() as connection:
            return work(connection, *args, **more)

    yield run
    engine.dispose()


def put(do, *, user="ann", path="x.ipynb", at=1, most=100, kind="t"):
    name = path.rpartition("/")[2]
    return do(events.put, type=kind, user=user, filename=name, path=path, at=at, most=most)


def save(do, *, user="ann", path="x.ipynb", at=1, content=b"x", most=10, most_bytes=10**6):
    bounds = {"most": most, "most_bytes": most_bytes}
    row = {"content_hash": "h", "content": content, "size": 1}
    do(saved_notebooks.put, user=user, path=path, at=at, **row, **bounds)


def times(do, user="ann", path="x.ipynb"):
    return [each.at for each in do(saved_notebooks.of_notebook, user, path)]


def test_an_event_moves_on_and_keeps_its_id(do):
    first, other = put(do), put(do, user="ben")
    moved = put(do, at=3)
    assert (moved.id, moved.at) == (first.id, 3)
    assert moved.seq > other.seq > first.seq
    assert put(do, at=2) == moved
    assert do(events.select, {}, limit=9) == [moved, other]
    assert do(events.changed_since, other.seq, {}, 9) == [moved]


def test_long_paths_are_told_apart(do):
    paths = [f"{'x' * 4000}/{name}.ipynb" for name in "ab"]
    found = [put(do, path=path) for path in paths]
    assert [each.path for each in found] == paths
    assert do(events.select, {"path": paths[1]}, limit=9) == found[1:]


def test_times_keep_their_microseconds(do):
    last = 253_402_300_799_999_999  # of the year 9999
    assert put(do, at=last).at == last
    assert do(events.select, {"at": last}, limit=9)
    assert do(events.select, {}, later_than=last - 1, limit=9)
    assert not do(events.select, {}, later_than=last, limit=9)


def test_a_user_has_so_many_events_and_others_too(do):
    assert put(do, path="a", most=1)
    assert put(do, path="b", most=1) is None
    assert put(do, path="a", most=1, at=2)
    assert put(do, path="b", most=1, user="ben")


def test_changes_of_four_processes_are_in_one_order(do):
    at_once(4, lambda n: [put(do, user=f"user-{n}", path=f"{each}") for each in range(20)])
    found = do(events.changed_since, 0, {}, 1000)
    assert len({each.seq for each in found}) == len(found) == 80
    assert do(events.last_change) == max(each.seq for each in found)


def test_the_last_saves_of_a_notebook_are_kept(do):
    for at in (1, 2, 3, 3):
        save(do, at=at, most=2)
    save(do, path="y.ipynb")
    save(do, user="ben")
    assert times(do) == [3, 2]
    assert times(do, path="y.ipynb") == times(do, user="ben") == [1]


def test_saves_of_so_many_bytes_are_kept_of_a_user(do):
    for at in range(1, 6):
        save(do, path=f"{at}.ipynb", at=at, content=b"x" * 10, most_bytes=25)
        save(do, user="ben", at=at, content=None, most_bytes=25)
    kept = [at for at in range(1, 6) if times(do, path=f"{at}.ipynb")]
    assert kept == [4, 5]
    assert times(do, user="ben") == [5, 4, 3, 2, 1]


def test_the_content_of_a_save_comes_back(do):
    content = gzip.compress(b"\x00notebook")
    save(do, content=content)
    save(do, at=2, content=None)
    last, first = do(saved_notebooks.of_notebook, "ann", "x.ipynb")
    assert (last.has_content, first.has_content) == (False, True)
    assert do(saved_notebooks.content, first.id) == content
    assert do(saved_notebooks.content, last.id) is None


def test_what_is_old_is_deleted(do):
    put(do)
    save(do)
    do(pruning.prune_workshops, 60)
    assert times(do) == [1]
    long_ago = table.update().values(received_at=time.time() - 100)
    do(lambda connection: connection.execute(long_ago))
    do(lambda connection: connection.execute(sa.text("UPDATE events SET received_at = 1")))
    do(pruning.prune_workshops, 60)
    assert times(do) == []
    assert do(events.select, {}, limit=9) == []


def test_a_notebook_that_is_withdrawn_leaves_others(do):
    for user in ("ann", "ben"):
        put(do, user=user)
        save(do, user=user)
    do(events.remove, "ann", "x.ipynb")
    do(saved_notebooks.remove, "ann", "x.ipynb")
    assert [each.user for each in do(events.select, {}, limit=9)] == ["ben"]
    assert (times(do), times(do, user="ben")) == ([], [1])
