"""The named servers that are kept for git projects, and the checkout of their last start."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import sqlalchemy as sa

from launcher.errors import TooManyServers
from launcher.server_ref import ServerRef
from launcher.store.tables import project_servers

PREPARING, DONE, FAILED = "preparing", "done", "failed"


@dataclass(frozen=True)
class ProjectServer:
    """A server for a commit of a repository, or for a branch that it follows."""

    server: ServerRef
    provider: str
    """As in the configuration of the git host."""
    repository: str
    """The canonical URL."""
    clone_url: str
    namespace: str
    project: str
    commit_sha: str | None
    """None if the branch is followed."""
    branch: str
    folder: str
    """The workspace, as a path below the home."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The server options, as they were chosen, with defaults filled in."""
    image: str | None = None
    image_asked: bool = False
    """Whether its user named the image; else it was found in the project's registry."""
    system: str | None = None
    entrypoint: str | None = None
    """The id of the entrypoint that it starts in; None for the one that its user selected."""
    created_at: float = 0.0
    start_id: str | None = None
    """Identifies the last start that the spawn hook asked about; None before the first one."""
    checkout: str | None = None
    """The state of that start's checkout: preparing, done or failed."""
    detail: str | None = None
    """What the checkout reported at its end."""
    credential_given: bool = False
    """Whether that start's checkout has got the git host's credential."""


_NAMES = [each.name for each in fields(ProjectServer) if each.name != "server"]
_STARTED = ("created_at", "start_id", "checkout", "detail", "credential_given")
_HERE = (project_servers.c.user == sa.bindparam("whose")) & (
    project_servers.c.server == sa.bindparam("which")
)
_THIS_START = (
    _HERE
    & (project_servers.c.start_id == sa.bindparam("start"))
    & (project_servers.c.checkout == PREPARING)
)


def put(connection: sa.Connection, wanted: ProjectServer) -> ProjectServer:
    """Store a server, or its new options; what is known of its last start is kept."""
    earlier = find(connection, wanted.server, for_update=True)
    if earlier is None:
        stored = replace(wanted, created_at=time.time())
        row = {name: getattr(stored, name) for name in _NAMES}
        connection.execute(project_servers.insert(), {**row, **_key(wanted.server)})
        return stored
    changed = {name: getattr(wanted, name) for name in _NAMES if name not in _STARTED}
    connection.execute(project_servers.update().where(_HERE).values(changed), _this(wanted.server))
    return replace(earlier, **changed)


def check_most(others: Collection[str], most: int) -> None:
    """Raise TooManyServers if a user runs `most` servers for projects beside a new one; 0: any."""
    if most and len(others) >= most:
        named = ", ".join(sorted(others))
        raise TooManyServers(
            f"{len(others)} of your servers for projects run, which is the limit. Stop one of them"
            f" first: {named}.",
            members={"servers": sorted(others)},
        )


def find(
    connection: sa.Connection, server: ServerRef, *, for_update: bool = False
) -> ProjectServer | None:
    """The project of a server; None if the server is not kept for one."""
    query = project_servers.select().where(_HERE)
    row = connection.execute(
        query.with_for_update() if for_update else query, _this(server)
    ).one_or_none()
    return _read(row) if row else None


def find_all(connection: sa.Connection, user: str) -> list[ProjectServer]:
    """The servers of a user that are kept for projects, the newest first."""
    query = project_servers.select().where(project_servers.c.user == user)
    newest_first = query.order_by(project_servers.c.created_at.desc(), project_servers.c.server)
    return [_read(row) for row in connection.execute(newest_first)]


def remove(connection: sa.Connection, server: ServerRef) -> None:
    """Forget the project of a server; the workspace in the home stays."""
    connection.execute(project_servers.delete().where(_HERE), _this(server))


def begin(connection: sa.Connection, server: ServerRef, start_id: str) -> None:
    """Record that the server starts now, and that its checkout has yet to report."""
    begun = {"start_id": start_id, "checkout": PREPARING, "detail": None}
    query = project_servers.update().where(_HERE).values(**begun, credential_given=False)
    connection.execute(query, _this(server))


def end(
    connection: sa.Connection, server: ServerRef, start_id: str, *, checkout: str, detail: str
) -> bool:
    """Record how the checkout of a start ended; whether it had not ended before.

    False also if the server was started again meanwhile.
    """
    query = project_servers.update().where(_THIS_START).values(checkout=checkout, detail=detail)
    return bool(connection.execute(query, {**_this(server), "start": start_id}).rowcount)


def give_credential(connection: sa.Connection, server: ServerRef) -> ProjectServer | None:
    """The project of a server whose checkout asks for its credential for the first time.

    None if there is none, if it does not check out now, or if it has got the credential.
    """
    asks = (project_servers.c.checkout == PREPARING) & sa.not_(project_servers.c.credential_given)
    query = project_servers.update().where(_HERE & asks).values(credential_given=True)
    row = connection.execute(query.returning(*project_servers.c), _this(server)).one_or_none()
    return _read(row) if row else None


def _key(server: ServerRef) -> dict[str, str]:
    return {"user": server.user, "server": server.name}


def _this(server: ServerRef) -> dict[str, str]:
    return {"whose": server.user, "which": server.name}


def _read(row: sa.Row[Any]) -> ProjectServer:
    columns = dict(row._mapping)
    server = ServerRef(columns.pop("user"), columns.pop("server"))
    return ProjectServer(server=server, **columns)
