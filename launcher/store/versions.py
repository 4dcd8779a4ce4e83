"""Migrates the database, and checks which program and version its tables belong to.

A database of another program is never changed.
"""

import os
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from launcher.errors import ConfigError
from launcher.store import deadline
from launcher.store.engine import ONLY_READS, connect
from launcher.store.tables import metadata

# for the check of the version when a worker starts
CHECK_SECONDS = 5.0


class Outdated(ConfigError):
    """The tables are those of an earlier version, or there are none yet."""


class TooNew(ConfigError):
    """The tables are those of a later version."""


def alembic(engine: sa.Engine) -> Config:
    """Alembic's configuration for that database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["engine"] = engine
    return config


def migrate(url: str) -> None:
    """Create or upgrade the tables to this version; raises ConfigError.

    To be run by one process.
    """
    engine = connect(url)
    try:
        _keep_private(engine)
        _refuse_others(engine, _found(engine))
        command.upgrade(alembic(engine), "head")
    except (sa.exc.DatabaseError, OSError) as error:
        raise _unusable(engine, error) from error
    finally:
        engine.dispose()


def try_to_create_table(url: str) -> None:
    """Create a table and roll back, as a test of the permission; raises DatabaseError."""
    engine = connect(url)
    try:
        with deadline.until(time.monotonic() + CHECK_SECONDS), engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE launcher_doctor (n INTEGER)")
            connection.rollback()
    finally:
        engine.dispose()


def check_version(url: str) -> None:
    """Raise ConfigError if the tables are not those of this version, Outdated for older ones."""
    engine = connect(url)
    try:
        _refuse_folder(engine)
        with deadline.until(time.monotonic() + CHECK_SECONDS):
            have, tables = _found(engine)
    except sa.exc.OperationalError:
        return  # the launcher starts without its database: requests and /ready report the outage
    except (sa.exc.DatabaseError, OSError) as error:
        raise _unusable(engine, error) from error
    finally:
        engine.dispose()
    _refuse_others(engine, (have, tables))
    if have != _scripts(engine).get_current_head():
        raise Outdated(
            "The launcher's database is not ready for this version. Start with `launcher serve` or"
            " `gunicorn -c python:launcher.gunicorn …`, which prepare it."
        )


def _scripts(engine: sa.Engine) -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic(engine))


def _file_of(engine: sa.Engine) -> str:
    """The path of SQLite's file, or ''."""
    path = engine.url.database or ""
    return path if engine.dialect.name == "sqlite" and path != ":memory:" else ""


def _refuse_folder(engine: sa.Engine) -> None:
    if Path(_file_of(engine) or os.devnull).is_dir():
        raise IsADirectoryError("it is a directory")


def _keep_private(engine: sa.Engine) -> None:
    """Make SQLite's file readable by its owner alone: it holds notebooks of launches under way."""
    if path := _file_of(engine):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def _found(engine: sa.Engine) -> tuple[str | None, set[str]]:
    """The revision that Alembic recorded in the database, and the names of its tables."""
    with engine.execution_options(**{ONLY_READS: True}).begin() as connection:
        tables = set(sa.inspect(connection).get_table_names())
        heads = MigrationContext.configure(connection).get_current_heads()
        return heads[0] if heads else None, tables


def _refuse_others(engine: sa.Engine, found: tuple[str | None, set[str]]) -> None:
    """Raise ConfigError for tables of another program, or of a newer version."""
    have, tables = found
    known = {script.revision for script in _scripts(engine).walk_revisions()}
    if have in known:
        return
    ours = {"launches", "leases"} <= tables
    if have and ours:
        raise TooNew(
            f"{_named(engine)} belongs to a newer version of the launcher (revision {have}, which"
            " this version does not know). Run that version, or restore an older backup."
        )
    # another process may be migrating: its transaction shows no table, or all of them
    others = sorted(tables - {"alembic_version"} - (metadata.tables.keys() if ours else set()))
    if have or others:
        holds = f"the tables {', '.join(others[:3])}" if others else "an alembic_version"
        raise ConfigError(
            f"{_named(engine)} belongs to another program: it contains {holds}. The launcher needs"
            " its own database; set LAUNCHER_DATABASE_URL."
        )


def _named(engine: sa.Engine) -> str:
    return f"The database {address_of(engine.url)}"


def address_of(url: sa.URL) -> str:
    """The database's URL without its password."""
    return url.difference_update_query(["password"]).render_as_string()


def _unusable(engine: sa.Engine, error: Exception) -> ConfigError:
    return ConfigError(f"{_named(engine)} cannot be opened: {getattr(error, 'orig', error)}")
