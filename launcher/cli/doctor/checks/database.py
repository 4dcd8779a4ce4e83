"""The database: does it exist, is it of this version, and is it writable?"""

import asyncio
import os
from pathlib import Path

import sqlalchemy as sa

from launcher import store
from launcher.cli.doctor.files import why_not_writable
from launcher.cli.doctor.results import Result, failed, lines, ok, warning
from launcher.cli.doctor.site import Site
from launcher.errors import ConfigError, StoreUnavailable
from launcher.outage import Outage
from launcher.store import Store, probe
from launcher.store.versions import address_of, try_to_create_table

NAME = "database"
WRITER = "doctor"
SERVER = lines(
    "# environment of the launcher",
    "LAUNCHER_DATABASE_URL=postgresql://USER:PASSWORD@HOST/DATABASE",
)


async def check(site: Site) -> Result:
    """Whether launches can be stored."""
    if site.database_file and not site.database_file.exists():
        return _new_file(site.database_file)
    try:
        await asyncio.to_thread(store.check_version, site.settings.database_url)
        await _write(site.settings.database_url)
    except store.Outdated:
        return await _migratable(site)
    except store.TooNew as error:
        return failed(str(error))
    except ConfigError as error:
        return _unusable(site, str(error).rstrip("."))
    except StoreUnavailable as error:
        return _unusable(site, f"{_address(site)}: {_first_line(error.__cause__)}")
    return ok(f"{_address(site)} is writable.")


def _address(site: Site) -> str:
    return address_of(sa.make_url(site.settings.database_url))


def _new_file(file: Path) -> Result:
    if reason := why_not_writable(file.parent):
        return failed(f"{file} cannot be created: {reason}.", _owner(file.parent))
    return ok(f"{file} does not exist yet; the first start creates it.")


async def _write(url: str) -> None:
    """Write as a launch does, and remove it again; raises StoreUnavailable."""
    database = Store(url, Outage("the database"))
    try:
        await database.run(probe.write, WRITER)
        await database.run(probe.remove, WRITER)
    finally:
        database.close()


async def _migratable(site: Site) -> Result:
    """Whether tables can be made, which a start of this version will do; none is left."""
    url, address = site.settings.database_url, _address(site)
    try:
        await asyncio.to_thread(try_to_create_table, url)
    except sa.exc.DatabaseError as error:
        return failed(f"{address}: no table can be created: {_first_line(error)}.", _grant(url))
    return warning(
        f"{address} is empty or of an earlier version of the launcher. The next start brings it up"
        " to date; make a backup before it."
    )


def _first_line(error: BaseException | None) -> str:
    """The first line of the driver's message."""
    said = store.reason(error).partition("\n")[0]
    return said.strip().rstrip(".:")


def _unusable(site: Site, reason: str) -> Result:
    """The reason, and whether SQLite's file and its folder are writable."""
    file = site.database_file
    if file and (why := why_not_writable(file.parent)):
        return failed(f"{reason}; {why}.", _owner(file.parent))
    if file and not os.access(file, os.W_OK):
        return failed(f"{reason}; the file is not writable.", _owner(file))
    return failed(f"{reason}.", "" if file else SERVER)


def _owner(path: Path) -> str:
    return lines("# a shell, as root", f"chown -R <user of the launcher> {path.resolve()}")


def _grant(url: str) -> str:
    user = sa.make_url(url).username or "launcher"
    return lines(
        "# psql, connected to that database as its owner",
        f'GRANT CREATE, USAGE ON SCHEMA public TO "{user}";',
    )
