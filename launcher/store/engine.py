"""SQLAlchemy engines for SQLite and PostgreSQL."""

import sqlite3
import time
from typing import Any

import sqlalchemy as sa

from launcher.errors import ConfigError
from launcher.store import deadline

# without a deadline, as in a migration
BUSY_MILLISECONDS = 30_000

THREADS = 8
# to notice a PostgreSQL server that is gone (libpq's parameters; the URL may set them, too)
POSTGRESQL_LIMITS = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "10",
    "tcp_user_timeout": "20000",
}
TRIES = 6
PAUSE_SECONDS = 0.05
# an execution option of SQLAlchemy's PostgreSQL dialect; used here for SQLite, too
ONLY_READS = "postgresql_readonly"


def connect(url: str) -> sa.Engine:
    """Create an engine for the database, without a connection; raises ConfigError."""
    try:
        return _engine(sa.make_url(url))
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise ConfigError(
            "LAUNCHER_DATABASE_URL must be an SQLAlchemy URL whose driver is installed, such as"
            " sqlite:///launcher.sqlite, or postgresql://launcher@host/launcher with"
            " jupyterhub-experiment-launcher[postgresql]."
        ) from error


def _engine(url: sa.URL) -> sa.Engine:
    if url.drivername in ("postgres", "postgresql"):  # the usual spellings
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg":
        return _postgresql(url)
    # parameters are users' data: keep them out of errors, which are logged
    engine = sa.create_engine(url, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_in_sqlite)
    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    from launcher.store import postgresql  # psycopg is an optional dependency

    limits = {name: limit for name, limit in POSTGRESQL_LIMITS.items() if name not in url.query}
    engine = sa.create_engine(
        url, pool_pre_ping=True, pool_size=THREADS, connect_args=limits, hide_parameters=True
    )

    def connect_bounded(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Any:
        return postgresql.connect(*arguments, **parameters)

    sa.event.listen(engine, "do_connect", connect_bounded)
    return engine


def _begin_in_sqlite(connection: sa.Connection) -> None:
    raw: Any = connection.connection.dbapi_connection
    _wait_in_sqlite(raw)
    # a deferred transaction fails at once if it begins to write while another one writes
    reads = connection.get_execution_options().get(ONLY_READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _wait_in_sqlite(connection: sqlite3.Connection) -> None:
    left = deadline.seconds_left()
    milliseconds = BUSY_MILLISECONDS if left is None else int(left * 1000)
    connection.execute(f"PRAGMA busy_timeout={milliseconds}")


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's documented way to send our own BEGIN
    _wait_in_sqlite(connection)
    _write_ahead(connection, TRIES)
    # NORMAL: a commit survives a crash of the process; a power failure may lose the last commits
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection, tries: int) -> None:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.OperationalError as error:
        # a file is switched once; a second process that switches meanwhile gets SQLITE_BUSY at once
        if tries == 1 or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        time.sleep(PAUSE_SECONDS)
        _write_ahead(connection, tries - 1)
