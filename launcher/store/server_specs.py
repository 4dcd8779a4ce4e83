"""How the servers of users were started last, as the hub's spawn hook fetched it."""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.server_ref import ServerRef
from launcher.store.tables import server_specs


@dataclass(frozen=True)
class ServerSpec:
    """What a server was started with."""

    server: ServerRef
    system: str
    entrypoint: str | None
    """Its id; None if the spawner's own configuration decided."""
    entrypoint_name: str | None
    spec_hash: str
    token: str | None
    """The server's token, sealed; None once it was refused."""
    fetched_at: float = 0.0


_PUT = sa.text(
    'INSERT INTO server_specs ("user", server, system, entrypoint, entrypoint_name, spec_hash,'
    " token, fetched_at) VALUES (:user, :server, :system, :entrypoint, :entrypoint_name,"
    ' :spec_hash, :token, :fetched_at) ON CONFLICT ("user", server) DO UPDATE SET'
    " system = :system, entrypoint = :entrypoint, entrypoint_name = :entrypoint_name,"
    " spec_hash = :spec_hash, token = :token, fetched_at = :fetched_at"
)
_HERE = (server_specs.c.user == sa.bindparam("whose")) & (
    server_specs.c.server == sa.bindparam("which")
)
_FIND = server_specs.select().where(_HERE)
_HAND_OVER = (
    server_specs.update()
    .where(_HERE & (server_specs.c.system == sa.bindparam("on")) & server_specs.c.token.is_(None))
    .values(token=sa.bindparam("sealed"))
)
_REMOVE = server_specs.delete().where(_HERE & (server_specs.c.fetched_at == sa.bindparam("at")))
_FORGET = (
    server_specs.update()
    .where(_HERE & (server_specs.c.token == sa.bindparam("refused")))
    .values(token=None)
)


def put(connection: sa.Connection, spec: ServerSpec) -> None:
    """Record how a server starts now, in place of how it was started before."""
    values = {**vars(spec), "user": spec.server.user, "server": spec.server.name}
    connection.execute(_PUT, {**values, "fetched_at": time.time()})


def find(connection: sa.Connection, server: ServerRef) -> ServerSpec | None:
    """How the server was started last; None if the hook never asked."""
    row = connection.execute(_FIND, {"whose": server.user, "which": server.name}).one_or_none()
    if row is None:
        return None
    columns = {name: value for name, value in row._mapping.items() if name != "user"}
    return ServerSpec(**{**columns, "server": server})


def hand_over(connection: sa.Connection, server: ServerRef, system: str, sealed: str) -> bool:
    """Keep the sealed token of a start without one; whether there was such a start."""
    here = {"whose": server.user, "which": server.name, "on": system, "sealed": sealed}
    return bool(connection.execute(_HAND_OVER, here).rowcount)


def forget_token(connection: sa.Connection, server: ServerRef, token: str) -> None:
    """Delete a sealed token that is not valid any more."""
    here = {"whose": server.user, "which": server.name}
    connection.execute(_FORGET, {**here, "refused": token})


def remove(connection: sa.Connection, spec: ServerSpec) -> None:
    """Forget how a server was started: it was stopped. Its next start may have begun already."""
    here = {"whose": spec.server.user, "which": spec.server.name}
    connection.execute(_REMOVE, {**here, "at": spec.fetched_at})
