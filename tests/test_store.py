"""The database: what all processes of a launcher count together."""

import multiprocessing
import os
import stat
import time
import uuid
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
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/launcher.sqlite"
    store.migrate(url)
    return url


@pytest.fixture
def do(url):
    """Runs a unit of work in a transaction of its own."""
    engine = store._connect(url)

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
            launches.advance(connection, launch, state="done", path="lab/x.ipynb")
    engine.dispose()


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(8, multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_one_of_eight_processes_gets_each_lease(url, processes):
    futures = [processes.submit(take, url, number, 25) for number in range(8)]
    assert sum(future.result() for future in futures) == 25


def test_eight_processes_that_write_lose_nothing(url, do, processes):
    for future in [processes.submit(write, url, number, 25) for number in range(8)]:
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
    ended = do(launches.advance, launch, **changes)
    assert ended.ended
    assert do(launches.find, launch.id) == ended
    assert ended.content == ""


@pytest.mark.parametrize("state", ["starting", "uploading"])
def test_a_launch_under_way_keeps_its_notebook(do, state):
    launch = do(launches.insert, a_launch(content="notebook"))
    do(launches.advance, launch, state=state, rounds=1)
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


# the tables


def test_the_migrations_make_the_tables(url):
    engine = store._connect(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


def test_migrations_go_down_and_up_again(url):
    engine = store._connect(url)
    command.downgrade(store._alembic(engine), "base")
    assert sa.inspect(engine).get_table_names() in ([], ["alembic_version"])
    engine.dispose()
    store.migrate(url)
    store.check_version(url)


def test_migrating_twice_changes_nothing(url, do):
    launch = do(launches.insert, a_launch())
    store.migrate(url)
    assert do(launches.find, launch.id) == launch


def test_an_application_does_not_start_on_tables_of_another_version(url, tmp_path):
    with pytest.raises(ConfigError, match="launcher serve"):
        store.check_version(f"sqlite:///{tmp_path}/empty.sqlite")
    engine = store._connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(ConfigError):
        store.check_version(url)


@pytest.mark.parametrize(
    "url", ["nonsense", "mysteriousdb://x/y", "", "sqlite:////nowhere/at/all.db"]
)
def test_a_database_that_cannot_be_used_stops_the_start_with_a_sentence(url):
    with pytest.raises(ConfigError):
        store.migrate(url)


def test_a_password_in_the_address_is_not_told():
    with pytest.raises(ConfigError) as stopped:
        store.migrate("postgresql+psycopg://launcher:canary@127.0.0.1:1/launcher?connect_timeout=1")
    assert "canary" not in str(stopped.value)


async def test_a_database_that_is_gone_is_unavailable(url, tmp_path):
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


async def test_a_unit_of_work_that_fails_leaves_nothing(url, do):
    opened = store.Store(url)

    def half(connection):
        leases.acquire(connection, "alice", "a", "one")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await opened.run(half)
    opened.close()
    assert not do(leases.is_held, "alice", "a")


def test_sqlite_takes_turns(url):
    engine = store._connect(url)
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
