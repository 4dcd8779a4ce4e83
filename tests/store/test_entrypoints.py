"""The tables of entrypoints: the database itself refuses every wrong state."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from launcher import store
from launcher.store import entrypoints as rows
from launcher.store import tables
from launcher.store.entrypoints import EntrypointRow

MINE = EntrypointRow("1" * 32, "alice", "mine", "conda", {"path": "/a"}, ("cori", "perlmutter"))
HERS = EntrypointRow("2" * 32, "alice", "other", "script", {"path": "/b"}, ("cori",))
HIS = EntrypointRow("3" * 32, "bob", "mine", "conda", {"path": "/a"}, ("cori",))


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own."""
    engine = store.connect(database_url)

    def run(work, *args):
        with engine.begin() as connection:
            return work(connection, *args)

    yield run
    engine.dispose()


@pytest.fixture
def stored(do):
    """Three entrypoints of two users; alice selected `mine` on both systems."""
    kept = [do(rows.insert, row) for row in (MINE, HERS, HIS)]
    for system in MINE.systems:
        do(rows.select, "alice", system, MINE.id)
    return kept


def sql(connection, statement):
    """Run a statement as somebody with a database shell would."""
    return connection.execute(sa.text(statement)).rowcount


def everything(connection):
    """All rows of the three tables."""
    names = ("entrypoints", "entrypoint_systems", "entrypoint_selections")
    return {
        name: sorted(map(str, connection.execute(tables.metadata.tables[name].select())))
        for name in names
    }


ENTRYPOINT = 'INSERT INTO entrypoints (id, "user", name, type, data, created_at, updated_at) VALUES'
SYSTEM = 'INSERT INTO entrypoint_systems (entrypoint, "user", system) VALUES'
SELECTION = 'INSERT INTO entrypoint_selections ("user", system, entrypoint, selected_at) VALUES'
WRONG = {
    "a selection of nothing": f"{SELECTION} ('alice', 'new', '{'9' * 32}', 0)",
    "a selection of another user's entrypoint": f"{SELECTION} ('carol', 'cori', '{HIS.id}', 0)",
    "a selection on a system that it is not on": (f"{SELECTION} ('alice', 'new', '{HERS.id}', 0)"),
    "a second selection on a system": f"{SELECTION} ('alice', 'cori', '{HERS.id}', 0)",
    "a selection that is moved to another system": (
        "UPDATE entrypoint_selections SET system = 'new' WHERE system = 'cori'"
    ),
    "a selection that is moved to another user": (
        "UPDATE entrypoint_selections SET \"user\" = 'bob' WHERE system = 'cori'"
    ),
    "a selection that is moved to another user's entrypoint": (
        f"UPDATE entrypoint_selections SET entrypoint = '{HIS.id}'"
    ),
    "a selection without an entrypoint": "UPDATE entrypoint_selections SET entrypoint = NULL",
    "an entrypoint that goes to another user": (
        f"UPDATE entrypoints SET \"user\" = 'carol' WHERE id = '{MINE.id}'"
    ),
    "another id": f"UPDATE entrypoints SET id = '{'8' * 32}' WHERE id = '{MINE.id}'",
    "a system of nothing": f"{SYSTEM} ('{'9' * 32}', 'alice', 'cori')",
    "a system for another user": f"{SYSTEM} ('{MINE.id}', 'bob', 'cori')",
    "a system twice": f"{SYSTEM} ('{MINE.id}', 'alice', 'cori')",
    "a system that is renamed under a selection": (
        f"UPDATE entrypoint_systems SET system = 'new' WHERE entrypoint = '{MINE.id}'"
        " AND system = 'cori'"
    ),
    "the same name twice": f"{ENTRYPOINT} ('{'9' * 32}', 'alice', 'mine', 'script', '{{}}', 0, 0)",
    "the same id twice": f"{ENTRYPOINT} ('{MINE.id}', 'carol', 'x', 'script', '{{}}', 0, 0)",
    "the name of another one": f"UPDATE entrypoints SET name = 'mine' WHERE id = '{HERS.id}'",
    "no name": f"UPDATE entrypoints SET name = '' WHERE id = '{HERS.id}'",
    "no type": f"UPDATE entrypoints SET type = NULL WHERE id = '{HERS.id}'",
    "no data": f"UPDATE entrypoints SET data = NULL WHERE id = '{HERS.id}'",
    "no user": f"UPDATE entrypoints SET \"user\" = NULL WHERE id = '{HERS.id}'",
}


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG)
def test_the_database_refuses(do, stored, statement):
    before = do(everything)
    with pytest.raises(IntegrityError):
        do(sql, statement)
    assert do(everything) == before


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM entrypoints WHERE id = '{MINE.id}'",
        f"DELETE FROM entrypoint_systems WHERE entrypoint = '{MINE.id}'",
    ],
)
def test_whoever_removes_an_entrypoint_or_its_systems_removes_the_selections(do, stored, statement):
    do(sql, statement)
    assert do(rows.selections_of, "alice") == {}
    assert do(everything)["entrypoint_selections"] == []
    assert do(rows.find, "bob", HIS.id) == stored[2]


def test_an_entrypoint_is_read_as_it_was_stored(do, stored):
    mine, hers, his = stored
    assert do(rows.find, "alice", MINE.id) == mine
    assert do(rows.find, "bob", MINE.id) is None
    assert do(rows.find_named, "bob", "mine") == his
    assert do(rows.of_user, "alice") == [mine, hers]
    assert do(rows.count, "alice") == 2
    assert do(rows.selected, "alice", "cori") == mine
    assert do(rows.selected, "bob", "cori") is None
    assert do(rows.selections_of, "alice") == {"cori": mine, "perlmutter": mine}


def test_a_selection_takes_the_place_of_the_one_before(do, stored):
    do(rows.select, "alice", "cori", HERS.id)
    selected = do(rows.selections_of, "alice")
    assert {system: row.id for system, row in selected.items()} == {
        "cori": HERS.id, "perlmutter": MINE.id,
    }  # fmt: skip
    assert do(rows.clear, "alice", "cori")
    assert not do(rows.clear, "alice", "cori")
    assert do(rows.selected, "alice", "cori") is None


def test_a_change_keeps_the_selections_on_systems_that_stay(do, stored):
    changed = replace(stored[0], name="new name", data={}, systems=("new", "cori"))
    written = do(rows.update, changed, stored[0])
    assert written.systems == ("cori", "new")
    assert do(rows.find, "alice", MINE.id) == written
    assert do(rows.selections_of, "alice") == {"cori": written}


def test_nobody_deletes_another_users_entrypoint(do, stored):
    assert not do(rows.delete, "bob", MINE.id)
    assert do(rows.delete, "alice", MINE.id)
    assert not do(rows.delete, "alice", MINE.id)
    assert do(rows.find, "alice", MINE.id) is None
