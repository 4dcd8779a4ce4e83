"""The database: what must outlive a process, and what all processes count together."""

import asyncio
import functools
import os
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from launcher.errors import ConfigError, StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

BUSY_MILLISECONDS = 30_000

THREADS = 8
# a PostgreSQL that vanished is noticed (libpq's parameters, which the URL may hold too)
POSTGRESQL_LIMITS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "10",
    "tcp_user_timeout": "20000",
}
# SQLSTATE of what PostgreSQL ends for another transaction's sake: serialization failure, deadlock
CONFLICTS = ("40001", "40P01")
TRIES = 6
PAUSE_SECONDS = 0.05
INSIST_SECONDS = 1.0
# understood by the driver of PostgreSQL, and by us
ONLY_READS = "postgresql_readonly"


def _connect(url: str) -> sa.Engine:
    try:
        return _engine(sa.make_url(url))
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            "LAUNCHER_DATABASE_URL must be an SQLAlchemy URL whose driver is installed, such as"
            " sqlite:///launcher.sqlite, or postgresql://launcher@host/launcher with"
            " jupyterhub-experiment-launcher[postgresql]."
        ) from error


def _engine(url: sa.URL) -> sa.Engine:
    if url.drivername in ("postgres", "postgresql"):  # as people paste it from elsewhere
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg":
        limits = {name: limit for name, limit in POSTGRESQL_LIMITS.items() if name not in url.query}
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_size=THREADS,
            connect_args=limits,
            hide_parameters=True,
        )
    # what people asked for stays out of errors, which are logged
    engine = sa.create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_in_sqlite)
    return engine


def _begin_in_sqlite(connection: sa.Connection) -> None:
    # a deferred transaction waits for nobody, but fails at once when it turns to writing while
    # another one writes
    reads = connection.get_execution_options().get(ONLY_READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's documented way to send our own BEGIN
    connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    _write_ahead(connection, TRIES)
    # NORMAL: what was written outlives every process; a power cut may take the last moment with it
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection, tries: int) -> None:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        # a file is switched once; SQLite lets nobody wait who wants to at that very moment
        if tries == 1 or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        time.sleep(PAUSE_SECONDS)
        _write_ahead(connection, tries - 1)


class Store:
    """Runs units of work, each a function of a connection, in one transaction on a thread."""

    def __init__(self, url: str) -> None:
        self._engine = _connect(url)
        self._reading = self._engine.execution_options(**{ONLY_READS: True})
        # in SQLite one transaction writes at a time, and whoever reads waits for none of them
        alone = self._engine.dialect.name == "sqlite"
        self._threads = ThreadPoolExecutor(1 if alone else THREADS, thread_name_prefix="store")
        self._readers = ThreadPoolExecutor(1, "store-reads") if alone else self._threads

    async def run(
        self,
        work: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What `work(connection, …)` returns, committed; raises StoreUnavailable.

        Work that another transaction got in the way of is done anew: its only effects are rows.
        """
        bound = functools.partial(_do, self._engine, lambda c: work(c, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._threads, bound)

    async def read(
        self,
        work: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What `run` returns, of work that changes nothing: it waits for nobody who writes."""
        bound = functools.partial(_do, self._reading, lambda c: work(c, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._readers, bound)

    async def insist(
        self,
        work: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What `run` returns, however long the database is away: for what has happened already."""
        while True:
            try:
                return await self.run(work, *args, **kwargs)
            except StoreUnavailable:
                await asyncio.sleep(INSIST_SECONDS)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()


def _do(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    try:
        return _transact(engine, work, TRIES)
    except (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError):
        raise  # a fault of ours, not of the database
    except (sa.exc.DatabaseError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        raise StoreUnavailable(
            "The launcher cannot write down what it is asked to do. Try again in a moment.",
            retry_after=5,
        ) from error


def _transact(engine: sa.Engine, work: Callable[[sa.Connection], T], tries: int) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except sa.exc.OperationalError as error:
        if tries == 1 or getattr(error.orig, "sqlstate", None) not in CONFLICTS:
            raise
    time.sleep(random.uniform(0, PAUSE_SECONDS))  # noqa: S311
    return _transact(engine, work, tries - 1)


def _alembic(engine: sa.Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["engine"] = engine
    return config


def migrate(url: str) -> None:
    """Bring the database's tables to this version's; raises ConfigError. Run by one process."""
    engine = _connect(url)
    try:
        _keep_private(engine)
        command.upgrade(_alembic(engine), "head")
    except (sa.exc.DatabaseError, OSError) as error:
        raise ConfigError(
            f"The database {engine.url.render_as_string()} cannot be opened:"
            f" {getattr(error, 'orig', error)}"
        ) from error
    finally:
        engine.dispose()


def _keep_private(engine: sa.Engine) -> None:
    """Make SQLite's file readable by its owner alone: it holds notebooks of launches under way."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and path != ":memory:":
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def check_version(url: str) -> None:
    """Raise ConfigError when the tables are not those of this version."""
    engine = _connect(url)
    try:
        with engine.connect() as connection:
            have = MigrationContext.configure(connection).get_current_revision()
    except sa.exc.DatabaseError:
        return  # away, which is no reason not to start: requests and /ready will say so
    finally:
        engine.dispose()
    want = ScriptDirectory.from_config(_alembic(engine)).get_current_head()
    if have != want:
        raise ConfigError(
            "The launcher's database is not ready for this version. Start with `launcher serve` or"
            " `gunicorn -c python:launcher.gunicorn …`, which prepare it."
        )
