"""The database: what all processes of a launcher count together."""

import asyncio
import json
import multiprocessing
import os
import stat
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from launcher import outbound, store
from launcher.errors import ConfigError, StoreUnavailable
from launcher.store import launches, leases, login_attempts, tables
from launcher.store.launches import Launch


@pytest.fixture
def do(database_url):
    """Runs a unit of work in a transaction of its own."""
    engine = store._connect(database_url)

    def run(work, *args, **kwargs):
        with engine.begin() as connection:
            return work(connection, *args, **kwargs)

    yield run
    engine.dispose()


def a_launch(**fields):
    return Launch(
        **{
            "id": uuid.uuid4().hex,
            "user": "alice",
            "experiment": "hello",
            "directory": "lab",
            "filename": "x.ipynb",
            "workspace": None,
            "if_exists": "rename",
            "content": "{}",
            **fields,
        }
    )


# leases


def test_a_lease_is_held_by_one_launch(do):
    assert do(leases.acquire, "alice", "a/x.ipynb", "one")
    assert not do(leases.acquire, "alice", "a/x.ipynb", "two")
    assert do(leases.acquire, "alice", "a/x.ipynb", "one")
    assert do(leases.is_held, "alice", "a/x.ipynb")


def test_users_and_paths_do_not_get_in_each_others_way(do):
    assert do(leases.acquire, "alice", "a/x.ipynb", "one")
    assert do(leases.acquire, "bob", "a/x.ipynb", "two")
    assert do(leases.acquire, "alice", "a/X.ipynb", "three")
    assert do(leases.paths, "one") == ["a/x.ipynb"]


def test_a_lease_that_is_let_go_can_be_taken(do):
    for path in ("a", "b"):
        assert do(leases.acquire, "alice", path, "one")
    do(leases.release_path, "one", "a")
    assert do(leases.acquire, "alice", "a", "two")
    assert not do(leases.acquire, "alice", "b", "two")
    do(leases.release, "one")
    assert do(leases.acquire, "alice", "b", "two")
    assert do(leases.is_held, "alice", "a")


def test_nobody_lets_go_of_another_launchs_lease(do):
    do(leases.acquire, "alice", "a", "one")
    do(leases.release_path, "two", "a")
    do(leases.release, "two")
    assert do(leases.is_held, "alice", "a")


def test_a_lease_that_nobody_renewed_runs_out(do, mocker):
    do(leases.acquire, "alice", "a", "one")
    later = time.time() + leases.LEASE_SECONDS + 1
    mocker.patch("time.time", return_value=later)
    assert not do(leases.is_held, "alice", "a")
    assert do(leases.acquire, "alice", "a", "two")
    assert do(leases.paths, "one") == []


def test_a_lease_outlives_any_single_call():
    assert leases.LEASE_SECONDS > 2 * outbound.READ_SECONDS


def test_one_of_many_threads_gets_a_lease(do):
    with ThreadPoolExecutor(16) as threads:
        got = threads.map(lambda n: do(leases.acquire, "alice", "a", f"launch {n}"), range(16))
        assert sum(got) == 1


def take(url, number, count):
    """How many of `count` leases this process got."""
    engine = store._connect(url)
    got = 0
    for path in range(count):
        with engine.begin() as connection:
            got += leases.acquire(connection, "alice", f"path {path}", f"launch {number}")
    engine.dispose()
    return got


def write(url, number, count):
    """Write launches down and advance them, each in a transaction of its own."""
    engine = store._connect(url)
    for _ in range(count):
        with engine.begin() as connection:
            launch = launches.insert(connection, a_launch(user=f"user {number}"))
        with engine.begin() as connection:
            launches.end(connection, launch, state="done", path="lab/x.ipynb")
    engine.dispose()


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(8, multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_one_of_eight_processes_gets_each_lease(database_url, processes):
    futures = [processes.submit(take, database_url, number, 25) for number in range(8)]
    assert sum(future.result() for future in futures) == 25


def test_eight_processes_that_write_lose_nothing(database_url, do, processes):
    for future in [processes.submit(write, database_url, number, 25) for number in range(8)]:
        future.result()
    count = sa.select(sa.func.count()).where(tables.launches.c.state == "done")
    assert do(lambda connection: connection.execute(count).scalar()) == 200


# launches


def test_a_launch_is_read_as_it_was_written(do):
    launch = do(launches.insert, a_launch(workspace="w", content="ünï 😀 \u2028"))
    assert do(launches.find, launch.id) == launch
    assert abs(launch.created_at - time.time()) < 5
    assert do(launches.find, "nobody's") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "done", "path": "lab/x.ipynb"},
        {"state": "failed", "problem": {"type": "x", "detail": "y"}},
        {"state": "cancelled"},
    ],
    ids=str,
)
def test_a_launch_that_ends_lets_go_of_its_notebook(do, changes):
    launch = do(launches.insert, a_launch(content="secret"))
    ended = do(launches.end, launch, **changes)
    assert ended.ended
    assert do(launches.find, launch.id) == ended
    assert ended.content == ""


@pytest.mark.parametrize("state", ["starting", "uploading"])
def test_a_launch_under_way_keeps_its_notebook(do, state):
    launch = do(launches.insert, a_launch(content="notebook"))
    do(launches.move, launch, state=state, rounds=1)
    kept = do(launches.find, launch.id)
    assert (kept.content, kept.rounds, kept.ended) == ("notebook", 1, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "elsewhere"},
        {"if_exists": "overwrite"},
        {"state": "done"},
        {"state": "queued", "path": "lab/x.ipynb"},
        {"state": "failed"},
        {"user": None},
        {"content": None},
        {"directory": None},
    ],
    ids=str,
)
def test_the_database_refuses_a_launch_that_makes_no_sense(do, fields):
    with pytest.raises(sa.exc.IntegrityError):
        do(launches.insert, a_launch(**fields))


def test_two_launches_do_not_share_an_id(do):
    launch = a_launch()
    do(launches.insert, launch)
    with pytest.raises(sa.exc.IntegrityError):
        do(launches.insert, launch)


def test_a_nul_in_a_notebook_or_a_reason_is_kept(do):
    """PostgreSQL takes none in text; JSON holds it escaped."""
    launch = do(launches.insert, a_launch(content=json.dumps({"source": "a\x00b"})))
    assert do(launches.find, launch.id) == launch
    ended = do(launches.end, launch, state="failed", problem={"detail": "a\x00b"})
    assert do(launches.find, launch.id) == ended
    assert ended.problem == {"detail": "a\x00b"}


# login attempts


def test_tries_are_counted_and_forgotten_after_the_window(do, mocker):
    began = time.time()
    clock = mocker.patch("time.time", return_value=began)
    assert [do(login_attempts.begin, "a", 2) for _ in range(3)] == [0, 0, 60]
    clock.return_value = began + 20
    assert do(login_attempts.begin, "a", 2) == 40
    assert do(login_attempts.begin, "b", 2) == 0
    clock.return_value = began + login_attempts.WINDOW_SECONDS + 1
    assert do(login_attempts.begin, "a", 2) == 0


def test_who_knows_the_password_has_all_tries_again(do):
    for _ in range(2):
        do(login_attempts.begin, "a", 2)
    do(login_attempts.succeeded, "a")
    assert do(login_attempts.begin, "a", 2) == 0


def test_a_try_that_nobody_could_judge_is_taken_back(do):
    do(login_attempts.begin, "a", 2)
    do(login_attempts.begin, "b", 2)
    do(login_attempts.retract, "a")
    assert [do(login_attempts.begin, "a", 2) for _ in range(3)] == [0, 0, 60]
    do(login_attempts.retract, "nobody")


def test_tries_at_the_same_moment_do_not_slip_through_together(do):
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: do(login_attempts.begin, "a", 3), range(8)))
    assert waits.count(0) == 3


# the tables


@pytest.fixture
def engine(database_url):
    engine = store._connect(database_url)
    yield engine
    engine.dispose()


def described(engine):
    """What the database says of its tables, by table and kind of thing."""
    inspector = sa.inspect(engine)
    kinds = ("columns", "indexes", "check_constraints", "unique_constraints", "foreign_keys")
    tables = {name: {} for name in inspector.get_table_names() if name != "alembic_version"}
    for name, table in tables.items():
        table["pk"] = inspector.get_pk_constraint(name)["constrained_columns"]
        for kind in kinds:
            table[kind] = sorted(str(thing) for thing in getattr(inspector, f"get_{kind}")(name))
    return tables


def test_the_migrations_make_the_tables(engine):
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_the_migrations_make_the_constraints_and_indexes_of_the_tables(engine, new_database):
    made = store._connect(new_database(migrated=False))
    tables.metadata.create_all(made)
    assert described(engine) == described(made)
    made.dispose()


def test_migrations_go_down_and_up_again(database_url, engine):
    before = described(engine)
    command.downgrade(store._alembic(engine), "base")
    assert described(engine) == {}
    store.migrate(database_url)
    store.check_version(database_url)
    assert described(engine) == before


def test_migrating_twice_changes_nothing(database_url, do):
    launch = do(launches.insert, a_launch())
    store.migrate(database_url)
    assert do(launches.find, launch.id) == launch


def test_processes_that_migrate_at_the_same_moment_all_go_on(new_database, processes):
    for _ in range(3):
        url = new_database(migrated=False)
        for future in [processes.submit(store.migrate, url) for _ in range(4)]:
            future.result()
        store.check_version(url)


OLD_LAUNCH = {
    "user": "alice",
    "experiment": "hello",
    "directory": "lab",
    "filename": "x.ipynb",
    "workspace": "w",
    "if_exists": "rename",
    "content": "",
    "rounds": 0,
    "created_at": 1.5,
    "updated_at": 2.5,
}
ROWS_OF_0001 = {
    "launches": [
        {**OLD_LAUNCH, "id": "1", "state": "done", "path": "lab/x.ipynb"},
        {**OLD_LAUNCH, "id": "2", "state": "failed", "problem": {"type": "x", "detail": "ü"}},
        {**OLD_LAUNCH, "id": "3", "state": "uploading", "content": '{"cells": []}', "rounds": 2},
    ],
    "leases": [
        {"user": "alice", "path_hash": "0", "path": "a", "launch_id": "3", "expires_at": 3.5}
    ],
    "login_attempts": [{"who": "0", "at": 1.5}, {"who": "1", "at": 2.5}],
}


def test_rows_of_an_older_version_are_kept(new_database):
    url = new_database(migrated=False)
    engine = store._connect(url)
    command.upgrade(store._alembic(engine), "0001")
    old = sa.MetaData()
    old.reflect(engine, only=list(ROWS_OF_0001))
    with engine.begin() as connection:
        for name, rows in ROWS_OF_0001.items():
            for row in rows:
                connection.execute(old.tables[name].insert().values(row))
    store.migrate(url)
    with engine.begin() as connection:
        for name, rows in ROWS_OF_0001.items():
            query = old.tables[name].select().order_by(*old.tables[name].primary_key)
            kept = [dict(row) for row in connection.execute(query).mappings()]
            assert [row | written for row, written in zip(kept, rows, strict=True)] == kept
        assert launches.find(connection, "1").ended
        assert login_attempts.begin(connection, "2", 1) == 0
    engine.dispose()


def test_an_application_does_not_start_on_tables_of_another_version(new_database, engine):
    with pytest.raises(ConfigError, match="launcher serve"):
        store.check_version(new_database(migrated=False))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError):
        store.check_version(engine.url.render_as_string())


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysteriousdb://x/y",
        "",
        "sqlite:////nowhere/at/all.db",
        "postgresql://host:port/launcher",
        "postgresql:///launcher?host=/nowhere",
    ],
)
def test_a_database_that_cannot_be_used_stops_the_start_with_a_sentence(url):
    with pytest.raises(ConfigError):
        store.migrate(url)


def test_a_password_in_the_address_is_not_told():
    with pytest.raises(ConfigError) as stopped:
        store.migrate("postgresql+psycopg://launcher:canary@127.0.0.1:1/launcher?connect_timeout=1")
    assert "canary" not in str(stopped.value)


def test_a_driver_that_is_missing_is_named(mocker):
    mocker.patch.dict("sys.modules", {"psycopg": None})
    with pytest.raises(ConfigError, match=r"jupyterhub-experiment-launcher\[postgresql\]"):
        store.migrate("postgresql://launcher@host/launcher")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_found_by_the_address_that_people_paste(postgres_url, scheme):
    store.check_version(postgres_url.replace("postgresql", scheme, 1))


def test_a_postgresql_that_vanished_is_noticed(postgres_url):
    engine = store._connect(f"{postgres_url}&connect_timeout=3")
    with engine.connect() as connection:
        used = connection.connection.dbapi_connection.info.get_parameters()
    engine.dispose()
    assert (used["connect_timeout"], used["tcp_user_timeout"]) == ("3", "20000")


async def test_a_database_that_is_gone_is_unavailable(tmp_path):
    opened = store.Store(f"sqlite:///{tmp_path}/missing/launcher.sqlite")
    with pytest.raises(StoreUnavailable) as failed:
        await opened.run(leases.is_held, "alice", "a")
    opened.close()
    assert failed.value.retry_after
    assert str(tmp_path) not in failed.value.detail


async def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    (tmp_path / "broken.sqlite").write_bytes(b"not a database" * 1000)
    opened = store.Store(f"sqlite:///{tmp_path}/broken.sqlite")
    with pytest.raises(StoreUnavailable):
        await opened.run(leases.is_held, "alice", "a")
    opened.close()


@pytest.fixture
def postgres_store(postgres_url):
    opened = store.Store(postgres_url)
    yield opened
    opened.close()


async def test_a_postgresql_that_was_away_is_used_again(postgres, postgres_store):
    assert await postgres_store.run(leases.acquire, "alice", "a", "one")
    with postgres.away(), pytest.raises(StoreUnavailable):
        await postgres_store.run(leases.is_held, "alice", "a")
    assert await postgres_store.run(leases.is_held, "alice", "a")


async def test_a_restart_of_postgresql_between_two_units_of_work_is_not_felt(
    postgres, postgres_store
):
    assert await postgres_store.run(leases.acquire, "alice", "a", "one")
    with postgres.away():
        pass
    assert await postgres_store.run(leases.is_held, "alice", "a")


async def test_a_unit_of_work_under_which_postgresql_restarts_leaves_nothing(
    postgres, postgres_store
):
    def interrupted(connection):
        leases.acquire(connection, "alice", "a", "one")
        with postgres.away():
            pass
        leases.acquire(connection, "alice", "b", "one")

    with pytest.raises(StoreUnavailable):
        await postgres_store.run(interrupted)
    assert await postgres_store.run(leases.paths, "one") == []


async def test_units_of_work_that_lock_each_other_out_are_both_done(postgres_store):
    for path in ("a", "b"):
        await postgres_store.run(leases.acquire, "alice", path, "one")
    tries, both_hold_one = Counter(), threading.Barrier(2, timeout=10)

    def extend(connection, first, second):
        tries[first] += 1
        leases.acquire(connection, "alice", first, "one")
        if tries[first] == 1:
            both_hold_one.wait()
        return leases.acquire(connection, "alice", second, "one")

    units = (postgres_store.run(extend, *paths) for paths in (("a", "b"), ("b", "a")))
    assert await asyncio.gather(*units) == [True, True]
    assert tries.total() == 3


@pytest.mark.parametrize("sqlstate", store.CONFLICTS)
async def test_a_unit_of_work_that_never_gets_its_turn_is_given_up(postgres_store, sqlstate):
    tries = []

    def conflict(connection):
        leases.acquire(connection, "alice", "a", "one")
        tries.append(connection)
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$")

    with pytest.raises(StoreUnavailable):
        await postgres_store.run(conflict)
    assert len(tries) == store.TRIES
    assert not await postgres_store.run(leases.is_held, "alice", "a")


async def test_units_of_work_that_cannot_be_put_in_a_row_are_both_done(postgres_store):
    """What another isolation level of the site's would refuse is done anew."""
    tries, both_looked = Counter(), threading.Barrier(2, timeout=10)

    def take_unless_taken(connection, mine, other):
        tries[mine] += 1
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        if taken := leases.is_held(connection, "alice", other):
            return not taken
        if tries[mine] == 1:
            both_looked.wait()
        return leases.acquire(connection, "alice", mine, mine)

    units = (postgres_store.run(take_unless_taken, *paths) for paths in (("a", "b"), ("b", "a")))
    assert sorted(await asyncio.gather(*units)) == [False, True]
    assert tries.total() == 3


async def test_a_unit_of_work_that_fails_leaves_nothing(database_url, do):
    opened = store.Store(database_url)

    def half(connection):
        leases.acquire(connection, "alice", "a", "one")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await opened.run(half)
    opened.close()
    assert not do(leases.is_held, "alice", "a")


def test_sqlite_takes_turns(new_sqlite):
    engine = store._connect(new_sqlite())
    with engine.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        wait = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    engine.dispose()
    assert (mode, wait >= 5000) == ("wal", True)


def test_the_database_is_for_its_owner_alone(tmp_path):
    """It holds everybody's notebooks while they are launched."""
    old = os.umask(0o022)
    try:
        store.migrate(f"sqlite:///{tmp_path}/launcher.sqlite")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "launcher.sqlite").stat().st_mode) & 0o077 == 0
