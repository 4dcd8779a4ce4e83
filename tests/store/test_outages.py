"""A database that hangs, is locked or is full: 503 within seconds, a line in the log, and back."""

import asyncio
import json
import logging
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import psutil
import pytest
import sqlalchemy as sa
from application import problem_of
from stored_launches import a_launch
from waiting import at_once, wait_until

from launcher import outage, store
from launcher.errors import StoreUnavailable
from launcher.launches.event_stream import EventStreams
from launcher.launches.feed import Feed
from launcher.store import launches, leases, probe

UNAVAILABLE = "urn:problem-type:launcher:store-unavailable"
# for tests that end within seconds unless something hangs
hangs = pytest.mark.timeout(120, func_only=True)


@contextmanager
def frozen(postgres):
    """PostgreSQL stopped by a signal, with all that serve connections: nobody says good-bye."""
    postmaster = psutil.Process(int((postgres.data / "postmaster.pid").read_text().split()[0]))
    stopped = []
    try:
        # the postmaster first, so that it starts no other
        for process in (postmaster, *postmaster.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
                stopped.append(process)
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):  # a backend whose client went away
                process.send_signal(signal.SIGCONT)


@contextmanager
def locked(path):
    """Somebody else writes to SQLite's file and takes their time."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


class Lines(logging.Handler):
    """What the launcher told its log."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    def of(self, message):
        return [r for r in self.records if message in r.getMessage()]


@pytest.fixture
def log():
    lines = Lines()
    logging.getLogger("launcher").addHandler(lines)
    yield lines
    logging.getLogger("launcher").removeHandler(lines)


@pytest.fixture
def opened(database_url):
    store_ = store.Store(database_url)
    yield store_
    store_.close()


# hanging


@pytest.fixture
def on_postgres(start_app, postgres_url):
    return start_app({"LAUNCHER_DATABASE_URL": postgres_url})


@hangs
def test_a_frozen_postgresql_is_503_for_everybody_and_used_again_afterwards(
    postgres, on_postgres, fakehub, alice
):
    client = on_postgres
    assert client.launch(alice).status_code == 200
    people = [fakehub.add_user(server="ready") for _ in range(24)]
    with frozen(postgres):
        # three times as many as there are threads: those who wait for one are answered as soon
        for answer in at_once(24, lambda n: client.launch(people[n])):
            assert problem_of(answer, 503)["type"] == UNAVAILABLE
        assert client.post("/hello", headers=people[0].basic, json={}).status_code in (400, 503)
        problem_of(client.get("/user", headers=people[0].basic), 503)
        assert client.get("/health").status_code == 200
        wait_until(lambda: client.get("/ready").status_code == 503, "the report")
    wait_until(lambda: client.launch(alice).status_code == 200, "a launch")
    assert all(not person.files for person in people)


def test_a_frozen_postgresql_does_not_stop_the_start(postgres, start_app, postgres_url):
    with frozen(postgres):
        store.check_version(postgres_url)


async def test_a_lock_on_a_table_is_503_and_leaves_nobody_waiting_on_the_server(postgres_url):
    opened = store.Store(postgres_url)
    engine = store.connect(postgres_url)
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE leases")
        tries = [opened.run(leases.acquire, "alice", str(n), "one") for n in range(20)]
        for failed in await asyncio.gather(*tries, return_exceptions=True):
            assert isinstance(failed, StoreUnavailable)
        wait_until(lambda: connection.execute(waiting).scalar() == 0, "an end of waiting")
    assert await opened.run(leases.acquire, "alice", "a", "one")
    engine.dispose()
    opened.close()


@hangs
def test_a_long_lock_of_somebody_else_on_sqlite_is_503(start_app, fakehub, tmp_path):
    client = start_app()
    people = [fakehub.add_user(server="ready") for _ in range(8)]
    with locked(tmp_path / "launcher.sqlite"):
        for answer in at_once(8, lambda n: client.launch(people[n])):
            assert problem_of(answer, 503)["type"] == UNAVAILABLE
        # who only reads waits for nobody
        assert client.get("/launches", headers=people[0].auth).status_code == 200
    wait_until(lambda: client.launch(people[0]).status_code == 200, "a launch")


async def test_a_stream_of_events_stays_open_while_the_database_is_away(new_sqlite):
    url = new_sqlite()
    opened, engine = store.Store(url), store.connect(url)
    made = await opened.run(launches.insert, a_launch())
    follower = EventStreams(opened, Feed(opened), lambda: False, most_streams=1)
    stream = follower.events(made, after=0)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE launches RENAME TO gone")
    assert [await anext(stream) for _ in range(2)] == [None, None]
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO launches")
        launches.end(connection, made, state="cancelled")
    while (told := await anext(stream)) is None:
        pass
    assert told.state == "cancelled"
    await stream.aclose()
    engine.dispose()
    opened.close()


# what the log says


async def test_an_outage_is_one_line_at_its_begin_and_one_at_its_end(new_sqlite, log, mocker):
    mocker.patch.object(outage, "QUIET_SECONDS", 0.2)
    url = new_sqlite()
    opened, engine = store.Store(url), store.connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE leases RENAME TO gone")
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            await opened.run(leases.acquire, "alice", "a", "one")
    [line] = log.of("cannot be used")
    assert "no such table: leases" in line.reason
    assert line.levelname == "ERROR"
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO leases")
    while not log.of("used again"):
        await opened.run(leases.acquire, "alice", "a", "one")
    for _ in range(20):
        await opened.run(leases.acquire, "alice", "a", "one")
    assert len(log.of("used again")) == len(log.of("cannot be used")) == 1
    engine.dispose()
    opened.close()


def test_a_database_that_can_be_read_only_is_not_said_to_be_back(log, mocker):
    mocker.patch.object(outage, "QUIET_SECONDS", 0.0)
    state = outage.Outage("the database")
    state.failed("database or disk is full", writing=True)
    state.succeeded(writing=False)
    assert not log.of("used again")
    state.succeeded(writing=True)
    assert len(log.of("used again")) == 1


# full


def probes(connection):
    return connection.execute(sa.text("SELECT worker_id FROM probes ORDER BY 1")).scalars().all()


async def test_a_probe_is_written_and_replaces_the_one_before(opened):
    for worker_id in ("one", "two", "one", "one"):
        await opened.run(probe.write, worker_id)
    assert await opened.read(probes) == ["one", "two"]


async def test_the_probes_of_dead_processes_are_removed(opened, mocker):
    await opened.run(probe.write, "one")
    mocker.patch("time.time", return_value=time.time() + 2 * probe.KEPT_SECONDS)
    await opened.run(probe.write, "two")
    assert await opened.read(probes) == ["two"]


async def test_a_full_sqlite_is_unavailable_and_the_probe_says_so(new_sqlite, log):
    opened = store.Store(new_sqlite())

    def fill(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")

    await opened.run(probe.write, "one")
    await opened.run(fill)
    with pytest.raises(StoreUnavailable):
        await opened.run(probe.write, "one")
    [line] = log.of("cannot be used")
    assert line.reason == "database or disk is full"
    opened.close()


async def test_a_postgresql_without_space_for_new_blocks_is_found_out(postgres_url):
    """Rows may still fit where old ones were."""
    engine = store.connect(postgres_url)
    with engine.begin() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET temp_file_limit = '64kB'")
    engine.dispose()
    opened = store.Store(postgres_url)
    with pytest.raises(StoreUnavailable):
        await opened.run(probe.write, "one")
    assert await opened.run(leases.acquire, "alice", "a", "one")
    opened.close()


FULL_DISK = """
import asyncio, json, os, sys
from launcher import outage, store
from launcher.errors import StoreUnavailable
from launcher.store import probe

folder = sys.argv[1]

async def main():
    store.migrate(f"sqlite:///{folder}/launcher.sqlite")
    opened = store.Store(f"sqlite:///{folder}/launcher.sqlite")
    await opened.run(probe.write, "one")
    with open(f"{folder}/filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
    told = []
    for _ in range(400):
        try:
            await opened.run(probe.write, "one")
        except StoreUnavailable as error:
            told.append(str(error.__cause__.orig))
    os.remove(f"{folder}/filler")
    await opened.run(probe.write, "one")
    opened.close()
    print(json.dumps(told))

asyncio.run(main())
"""


def test_a_probe_on_a_real_disk_without_space_fails_until_there_is_some(tmp_path):
    mount = f'mount -t tmpfs -o size=2m tmpfs {tmp_path} && exec "$0" "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    command += [sys.executable, "-W", "ignore", "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told, "the disk was never full"
    assert set(told) == {"database or disk is full"}
