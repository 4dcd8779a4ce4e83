"""Launches as rows. This is the only module that writes the state of a launch."""

import functools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import sqlalchemy as sa

from launcher.errors import TooManyLaunches
from launcher.server_ref import ServerRef
from launcher.store import launch_events, leases, workers
from launcher.store.tables import launches, starts

# a server may report without end what its checkout does, and it is stored
MAX_CHECKOUT_EVENTS = 1000
ACTIVE = ("queued", "starting", "uploading")
WAITING = ("queued", "starting")
ENDED = ("done", "failed", "cancelled")
# the launches of a worker that died are shared among the others
MOST_AT_ONCE = 20
# the worker_id of launches whose worker shut down cleanly
RELEASED = ""
BOUNDS_SECONDS = 60.0
BOUNDS_RETRY_SECONDS = 10


@dataclass(frozen=True)
class Bounds:
    """How many launches one user may have under way, and may begin within a minute."""

    under_way: int
    per_minute: int


@dataclass(frozen=True)
class Notebook:
    """The notebook that a launch opens."""

    experiment: str
    directory: str
    filename: str
    workspace: str | None
    if_exists: str
    content: str
    """As JSON; empty once the launch has ended."""
    path: str | None = None
    """Its path in the home, once it is there."""
    link_query: str | None = None
    """The query of the link that fills in the form as it was; None if that would be too long."""


@dataclass(frozen=True)
class Environment:
    """The environment that a launch asks for: it opens in no other one."""

    system: str
    entrypoint: str
    """Its id."""
    entrypoint_name: str
    spec: Mapping[str, Any]
    """The spawn specification, as JSON."""
    spec_hash: str


@dataclass(frozen=True)
class OpenedProject:
    """The git project that a launch opens, checked out on its server."""

    repository: str
    """The canonical URL."""
    commit_sha: str | None
    """None: the branch is followed."""
    branch: str
    folder: str
    """The workspace, as a path below the home."""
    opens: str | None = None
    """The file that the location opens, as a path below the workspace."""


@dataclass(frozen=True)
class Launch:
    """One request to open something on a user's server, as it is stored."""

    id: str
    user: str
    server: ServerRef
    notebook: Notebook | None = None
    """None: the server is started, and nothing opened."""
    environment: Environment | None = None
    """None: the one that its user selected, or that the server runs in."""
    project: OpenedProject | None = None
    state: str = "queued"
    attempts: int = 0
    problem: dict[str, Any] | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    seq: int = 0
    worker_id: str | None = None
    requested_by: str | None = None
    request_id: str | None = None
    takeovers: int = 0
    crashes: int = 0

    @property
    def ended(self) -> bool:
        """Whether the launch is done, failed or cancelled."""
        return self.state in ENDED


# every launch runs these two statements; as text they take a third of the time
_LATER = ("path", "problem")
_NEW = [column.name for column in launches.c if column.name not in _LATER]
_COLUMNS = ", ".join(f'"{name}"' for name in _NEW)
_VALUES = ", ".join(f":{name}" for name in _NEW)
_INSERT = sa.text(
    f"INSERT INTO launches ({_COLUMNS}) VALUES ({_VALUES})"  # noqa: S608
).bindparams(sa.bindparam("spec", type_=sa.JSON(none_as_null=True)))
_DONE = sa.text(
    "UPDATE launches SET state = 'done', path = :path, updated_at = :now, seq = seq + 1,"
    " content = CASE WHEN content IS NULL THEN NULL ELSE '' END, worker_id = NULL"
    " WHERE id = :id AND worker_id = :worker_id AND state IN ('queued', 'starting', 'uploading')"
    " RETURNING seq"
)
# prepared once: building a statement costs more than running it
_FIND = launches.select().where(launches.c.id == sa.bindparam("this"))
_UNDER_WAY = (launches.c.id == sa.bindparam("this")) & launches.c.state.in_(ACTIVE)
_OWNED = launches.c.worker_id == sa.bindparam("by")
_IS_MINE = sa.select(launches.c.id).where(_UNDER_WAY & _OWNED)
_OWNED_IDS = sa.select(launches.c.id).where(_OWNED)
_OF_USER = launches.c.user == sa.bindparam("whose")
_UNDER_WAY_OF_USER = sa.select(sa.func.count(launches.c.id)).where(
    _OF_USER & launches.c.worker_id.is_not(None)
)
_EARLIER_OF_USER = (
    sa.select(launches.c.created_at)
    .where(_OF_USER & (launches.c.created_at > sa.bindparam("since")))
    .order_by(launches.c.created_at.desc())
    .limit(1)
    .offset(sa.bindparam("before"))
)
_COUNT_OF_USER = sa.select(
    _UNDER_WAY_OF_USER.scalar_subquery().label("under_way"),
    _EARLIER_OF_USER.scalar_subquery().label("earlier"),
)
_SERVER = sa.tuple_(launches.c.server_user, launches.c.server)
_SEQS = sa.select(launches.c.id, launches.c.seq).where(
    launches.c.id.in_(sa.bindparam("these", expanding=True))
)


@functools.cache
def _change_of(columns: tuple[str, ...]) -> sa.Executable:
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in columns}
    query = launches.update().where(_UNDER_WAY & _OWNED)
    return query.values(seq=launches.c.seq + 1, **values).returning(*launches.c)


def insert(connection: sa.Connection, launch: Launch) -> Launch:
    """Store a new launch."""
    now = time.time()
    launch = replace(launch, created_at=now, updated_at=now)
    server = {"server_user": launch.server.user, "server": launch.server.name}
    row = {
        **vars(launch),
        **_row_of(launch.notebook, _NOTEBOOK),
        **_row_of(launch.environment, _ENVIRONMENT),
        **_row_of(launch.project, _PROJECT),
        **server,
    }
    connection.execute(_INSERT, {name: row[name] for name in _NEW})
    return launch


_NOTEBOOK = [field.name for field in fields(Notebook)]
_ENVIRONMENT = [field.name for field in fields(Environment)]
_PROJECT = [field.name for field in fields(OpenedProject)]


def _row_of(
    part: Notebook | Environment | OpenedProject | None, names: Sequence[str]
) -> Mapping[str, Any]:
    return vars(part) if part else dict.fromkeys(names)


def _launch(row: sa.Row[Any]) -> Launch:
    columns = dict(row._mapping)
    notebook = {name: columns.pop(name) for name in _NOTEBOOK}
    environment = {name: columns.pop(name) for name in _ENVIRONMENT}
    project = {name: columns.pop(name) for name in _PROJECT}
    columns["server"] = ServerRef(columns.pop("server_user"), columns["server"])
    opened = Notebook(**notebook) if notebook["experiment"] is not None else None
    named = Environment(**environment) if environment["entrypoint"] is not None else None
    cloned = OpenedProject(**project) if project["repository"] is not None else None
    return Launch(**columns, notebook=opened, environment=named, project=cloned)


def find(connection: sa.Connection, launch_id: str) -> Launch | None:
    """The launch with that id, of any user; None if there is none."""
    row = connection.execute(_FIND, {"this": launch_id}).one_or_none()
    return _launch(row) if row else None


def page(
    connection: sa.Connection,
    where: Mapping[str, str],
    *,
    before: tuple[float, str] | None,
    limit: int,
) -> list[Launch]:
    """At most `limit` launches whose columns are as in `where`, newest first, without content.

    `before` is (created_at, id) of the last launch of the previous page.
    """
    columns = [column for column in launches.c if column.name != "content"]
    empty = sa.case((launches.c.content.is_(None), None), else_="")
    query = sa.select(empty.label("content"), *columns)
    for name, value in where.items():
        query = query.where(launches.c[name] == value)
    if before:
        query = query.where(sa.tuple_(launches.c.created_at, launches.c.id) < sa.tuple_(*before))
    newest_first = query.order_by(launches.c.created_at.desc(), launches.c.id.desc()).limit(limit)
    return [_launch(row) for row in connection.execute(newest_first)]


def done(connection: sa.Connection, launch: Launch, path: str | None) -> Launch | None:
    """Record success and the path of the notebook; otherwise as `end`."""
    now = time.time()
    mine = {"path": path, "now": now, "id": launch.id, "worker_id": launch.worker_id}
    row = connection.execute(_DONE, mine).one_or_none()
    if row is None:
        return None
    leases.release(connection, launch.id)
    return replace(
        launch,
        state="done",
        notebook=launch.notebook and replace(launch.notebook, path=path, content=""),
        updated_at=now,
        seq=row.seq,
        worker_id=None,
    )


def end(connection: sa.Connection, launch: Launch, **changes: Any) -> Launch | None:
    """Record how the launch ended; deletes its content and releases its leases and its worker.

    None when it is not the caller's any more: it was cancelled, or another worker took it over.
    """
    nothing = "" if launch.notebook else None
    if not (row := _change(connection, launch, content=nothing, worker_id=None, **changes)):
        return None
    leases.release(connection, launch.id)
    return _launch(row)


def move(connection: sa.Connection, launch: Launch, **changes: Any) -> Launch | None:
    """Record changes, and an event if the state changed; None as in `end`."""
    row = _change(connection, launch, **changes)
    if row and "state" in changes:
        launch_events.append(connection, [(launch.id, row.seq)], "state", {"state": row.state})
    return _launch(row) if row else None


def _change(connection: sa.Connection, launch: Launch, **values: Any) -> Any:
    values["updated_at"] = time.time()
    mine = {"this": launch.id, "by": launch.worker_id}
    new = {f"new_{name}": value for name, value in values.items()}
    return connection.execute(_change_of(tuple(values)), {**mine, **new}).one_or_none()


def is_mine(connection: sa.Connection, launch: Launch, *, for_update: bool = True) -> bool:
    """Whether the caller still runs the launch; `for_update` locks the row until the commit."""
    mine = {"this": launch.id, "by": launch.worker_id}
    query = _IS_MINE.with_for_update() if for_update else _IS_MINE
    return connection.execute(query, mine).first() is not None


def cancel(connection: sa.Connection, launch_id: str) -> bool:
    """Cancel the launch; whether it was under way. Its worker then removes its files."""
    now = {"state": "cancelled", "updated_at": time.time(), "seq": launches.c.seq + 1}
    query = launches.update().where(_UNDER_WAY).values(now)
    return bool(connection.execute(query, {"this": launch_id}).rowcount)


def release(connection: sa.Connection, launch: Launch) -> None:
    """Release a cancelled launch after its files were removed: its leases and its worker."""
    mine = (launches.c.id == launch.id) & (launches.c.worker_id == launch.worker_id)
    gone = {"content": "" if launch.notebook else None, "worker_id": None}
    connection.execute(launches.update().where(mine).values(gone))
    leases.release(connection, launch.id)


def owned_by(connection: sa.Connection, worker_id: str) -> list[str]:
    """The ids of the launches that the worker runs."""
    return list(connection.execute(_OWNED_IDS, {"by": worker_id}).scalars())


def release_all(connection: sa.Connection, worker_id: str) -> None:
    """Release the launches of a worker that shuts down: other workers take them over."""
    mine = launches.c.worker_id == worker_id
    connection.execute(launches.update().where(mine).values(worker_id=RELEASED))


def adopt(connection: sa.Connection, worker_id: str) -> list[Launch]:
    """Give `worker_id` some of the launches whose worker is gone; returns them.

    A worker that died while a launch waited for its server is not counted as a crash of the launch.
    """
    orphans = (
        sa.select(launches.c.id)
        .where(launches.c.worker_id.is_not(None) & launches.c.worker_id.not_in(workers.alive()))
        .order_by(launches.c.created_at)
        .limit(MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    waits = _SERVER.in_(sa.select(starts.c.user, starts.c.server))
    crashed = (launches.c.worker_id != RELEASED) & sa.not_(waits)
    values = {
        "worker_id": worker_id,
        "attempts": launches.c.attempts + 1,
        "takeovers": launches.c.takeovers + 1,
        "crashes": launches.c.crashes + sa.case((crashed, 1), else_=0),
    }
    query = launches.update().where(launches.c.id.in_(orphans)).values(values)
    return [_launch(row) for row in connection.execute(query.returning(*launches.c))]


def check_bounds(connection: sa.Connection, user: str, bounds: Bounds) -> None:
    """Raise TooManyLaunches when the user may not begin another launch now."""
    now = time.time()
    window = {"whose": user, "since": now - BOUNDS_SECONDS, "before": bounds.per_minute - 1}
    counted = connection.execute(_COUNT_OF_USER, window).one()
    if counted.under_way >= bounds.under_way:
        raise TooManyLaunches(
            f"{counted.under_way} launches of this user are under way, which is the limit. Wait"
            " until some have ended, or cancel them.",
            retry_after=BOUNDS_RETRY_SECONDS,
        )
    if counted.earlier is not None:
        raise TooManyLaunches(
            f"This user began {bounds.per_minute} launches within a minute, which is the limit.",
            retry_after=max(1, math.ceil(counted.earlier + BOUNDS_SECONDS - now)),
        )


def seqs(connection: sa.Connection, launch_ids: Sequence[str]) -> dict[str, int]:
    """The number of the last change of each of these launches."""
    return {row.id: row.seq for row in connection.execute(_SEQS, {"these": launch_ids})}


def count_by_state(connection: sa.Connection) -> dict[str, int]:
    """How many launches are under way in each state."""
    number = sa.func.count().label("number")
    query = sa.select(launches.c.state, number).where(launches.c.state.in_(ACTIVE))
    counted = connection.execute(query.group_by(launches.c.state))
    found: dict[str, int] = {row.state: row.number for row in counted}
    return {state: found.get(state, 0) for state in ACTIVE}


# changes of all launches that wait for the same servers


@functools.cache
def _change_waiting_of(columns: tuple[str, ...]) -> sa.Executable:
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in columns}
    theirs = _SERVER.in_(sa.bindparam("these", expanding=True)) & launches.c.worker_id.is_not(None)
    here = theirs & launches.c.state.in_(sa.bindparam("states", expanding=True))
    values["seq"] = launches.c.seq + sa.bindparam("changes")
    if "worker_id" in columns:
        values["content"] = sa.case((launches.c.content.is_(None), None), else_="")
    return launches.update().where(here).values(values).returning(launches.c.id, launches.c.seq)


def _change_waiting(
    connection: sa.Connection,
    servers: Sequence[ServerRef],
    states: tuple[str, ...],
    *,
    changes: int = 1,
    **values: object,
) -> list[tuple[str, int]]:
    """Change the launches of these servers in these states; returns their ids and last `seq`."""
    values["updated_at"] = time.time()
    new = {f"new_{name}": value for name, value in values.items()}
    names = [(server.user, server.name) for server in servers]
    these = {"these": names, "states": states, "changes": changes}
    found = connection.execute(_change_waiting_of(tuple(values)), {**these, **new})
    return [(row.id, row.seq) for row in found]


def move_waiting(
    connection: sa.Connection,
    servers: Sequence[ServerRef],
    states: tuple[str, ...],
    *,
    state: str,
) -> list[str]:
    """Move the launches of these servers from one of `states` to `state`; returns their ids."""
    if not servers:
        return []
    changes = _change_waiting(connection, servers, states, state=state)
    launch_events.append(connection, changes, "state", {"state": state})
    return [launch_id for launch_id, _ in changes]


def fail_waiting(
    connection: sa.Connection, servers: Sequence[ServerRef], problem: Mapping[str, object]
) -> list[str]:
    """Fail the launches that wait for these servers; returns their ids."""
    end: dict[str, Any] = {"state": "failed", "problem": dict(problem), "worker_id": None}
    ids = [launch_id for launch_id, _ in _change_waiting(connection, servers, WAITING, **end)]
    for launch_id in ids:
        leases.release(connection, launch_id)
    return ids


def cancel_on(
    connection: sa.Connection, server: ServerRef, problem: Mapping[str, object]
) -> list[str]:
    """Cancel the launches under way on the server; returns their ids.

    Their workers then remove their files.
    """
    end: dict[str, Any] = {"state": "cancelled", "problem": dict(problem)}
    return [launch_id for launch_id, _ in _change_waiting(connection, [server], ACTIVE, **end)]


def record_progress(
    connection: sa.Connection, server: ServerRef, messages: Sequence[Mapping[str, object]]
) -> list[str]:
    """Record the spawner's messages for the launches of the server; returns their ids."""
    changes = _change_waiting(connection, [server], ("starting",), changes=len(messages))
    for back, data in enumerate(reversed(messages)):
        events = [(launch_id, seq - back) for launch_id, seq in changes]
        launch_events.append(connection, events, "progress", data)
    return [launch_id for launch_id, _ in changes]


def record_checkout(
    connection: sa.Connection,
    server: ServerRef,
    message: Mapping[str, object],
    *,
    is_last: bool = False,
) -> list[str]:
    """Record a message of a checkout for the launches under way on its server; their ids.

    Past MAX_CHECKOUT_EVENTS of a launch, only the last message is kept.
    """
    changes = _change_waiting(connection, [server], ACTIVE)
    kept = [(each, seq) for each, seq in changes if is_last or seq <= MAX_CHECKOUT_EVENTS]
    launch_events.append(connection, kept, "progress", message)
    return [launch_id for launch_id, _ in changes]


def project_servers_under_way(connection: sa.Connection, user: str) -> frozenset[str]:
    """The names of a user's servers that launches of projects are under way to."""
    theirs = _OF_USER & launches.c.worker_id.is_not(None) & launches.c.repository.is_not(None)
    found = connection.execute(sa.select(launches.c.server).where(theirs), {"whose": user})
    return frozenset(found.scalars())


def is_waited_for(connection: sa.Connection, server: ServerRef) -> bool:
    """Whether a launch waits for the server."""
    query = sa.select(launches.c.id).where(_waits_for(server)).limit(1)
    return connection.execute(query).first() is not None


def wanted_environment(connection: sa.Connection, server: ServerRef) -> Any:
    """`system` and `entrypoint` of the first launch that waits for the server and names them."""
    named = _waits_for(server) & launches.c.entrypoint.is_not(None)
    query = sa.select(launches.c.system, launches.c.entrypoint).where(named)
    return connection.execute(query.order_by(launches.c.created_at).limit(1)).first()


def _waits_for(server: ServerRef) -> sa.ColumnElement[bool]:
    here = (launches.c.server_user == server.user) & (launches.c.server == server.name)
    return here & launches.c.worker_id.is_not(None) & launches.c.state.in_(WAITING)
