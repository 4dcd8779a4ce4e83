"""Named servers that were made for environments."""

import time

import sqlalchemy as sa

from launcher.server_ref import ServerRef
from launcher.store.tables import environment_servers

_PUT = sa.text(
    'INSERT INTO environment_servers ("user", server, started_at) VALUES (:user, :server, :now)'
    ' ON CONFLICT ("user", server) DO UPDATE SET started_at = :now'
)


def put(connection: sa.Connection, server: ServerRef) -> None:
    """Record that the server starts now."""
    now = {"user": server.user, "server": server.name, "now": time.time()}
    connection.execute(_PUT, now)


def started_before(connection: sa.Connection, moment: float) -> list[ServerRef]:
    """Those that were started before a moment, in seconds since 1970."""
    row = environment_servers.c
    query = sa.select(row.user, row.server).where(row.started_at < moment)
    return [ServerRef(each.user, each.server) for each in connection.execute(query)]


def remove(connection: sa.Connection, server: ServerRef) -> None:
    """Forget a server that does not exist any more."""
    row = environment_servers.c
    here = (row.user == server.user) & (row.server == server.name)
    connection.execute(environment_servers.delete().where(here))
