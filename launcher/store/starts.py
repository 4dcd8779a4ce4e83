"""Servers that launches wait for: in the queue, or being started by one of the workers.

A start is in flight from the moment that a worker claims it (`asked_at`): the hub continues it even
if that worker dies.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.errors import OtherEnvironment
from launcher.server_ref import ServerRef
from launcher.store import breaker, limit, workers
from launcher.store import launches as launch_rows
from launcher.store.launches import WAITING
from launcher.store.limit import StartLimits
from launcher.store.tables import starts


@dataclass(frozen=True)
class Wish:
    """The environment in which a launch wants a server to start."""

    system: str
    entrypoint: str
    """Its id."""


@dataclass(frozen=True)
class ClaimedStart:
    """A start that a worker is responsible for from now on."""

    server: ServerRef
    waited: float
    """Seconds in the queue."""
    begun_at: float | None = None
    """When another worker began it; None when it has not begun."""
    wish: Wish | None = None


@dataclass(frozen=True)
class OwnStart:
    """A start that a worker is responsible for already."""

    server: ServerRef
    unwanted: bool
    """Whether no launch waits for it any more."""


# prepared once: building a statement costs more than running it
_SERVER = sa.tuple_(starts.c.user, starts.c.server)
_THIS = (starts.c.user == sa.bindparam("this_user")) & (
    starts.c.server == sa.bindparam("this_server")
)
_MINE = _THIS & (starts.c.worker_id == sa.bindparam("by"))
_IS_WANTED = sa.select(starts.c.user).where(_THIS)
_IS_UNWANTED = sa.select(starts.c.user).where(_THIS & starts.c.unwanted)
_IS_MINE = sa.select(starts.c.user).where(_MINE)
_FINISH = starts.delete().where(_MINE).returning(starts.c.asked_at, starts.c.unwanted)
_ENQUEUE = sa.text(
    'INSERT INTO starts ("user", server, queued_at, unwanted)'
    " VALUES (:this_user, :this_server, :now, :no)"
    ' ON CONFLICT ("user", server) DO UPDATE SET unwanted = :no'
    " RETURNING asked_at, system, entrypoint"
)
_WISH = sa.select(starts.c.system, starts.c.entrypoint).where(_THIS)
_SET_WISH = (
    starts.update()
    .where(_THIS & starts.c.asked_at.is_(None))
    .values(system=sa.bindparam("on"), entrypoint=sa.bindparam("named"))
)
_WITHDRAW_WISH = starts.update().where(_THIS).values(system=None, entrypoint=None)
_QUEUED = sa.select(
    starts.c.user, starts.c.server, starts.c.queued_at, starts.c.system, starts.c.entrypoint
).where(starts.c.asked_at.is_(None))
_IN_TURN = _QUEUED.order_by(starts.c.queued_at)
_FIRST = _IN_TURN.limit(sa.bindparam("count"))
_FIRST_UNFAILED = _QUEUED.where(starts.c.user.not_in(breaker.failed_users()))
_FIRST_UNFAILED = _FIRST_UNFAILED.order_by(starts.c.queued_at).limit(sa.bindparam("count"))
_CLAIM = (
    starts.update()
    .where(_SERVER.in_(sa.bindparam("these", expanding=True)))
    .values(worker_id=sa.bindparam("by"), asked_at=sa.bindparam("now"))
)
_UNATTENDED = starts.c.worker_id.is_(None) & starts.c.asked_at.is_not(None)
_TAKE_OVER = (
    starts.update()
    .where(_UNATTENDED)
    .values(worker_id=sa.bindparam("by"))
    .returning(
        starts.c.user, starts.c.server, starts.c.asked_at, starts.c.system, starts.c.entrypoint
    )
)
_RELEASE = starts.update().where(_MINE).values(worker_id=None)
_REQUEUE = starts.update().where(_MINE).values(worker_id=None, asked_at=None)
_OWN = sa.select(starts.c.user, starts.c.server, starts.c.unwanted).where(
    starts.c.worker_id == sa.bindparam("by")
)


def _this(server: ServerRef) -> dict[str, str]:
    return {"this_user": server.user, "this_server": server.name}


def _mine(server: ServerRef, worker_id: str) -> dict[str, str]:
    return {**_this(server), "by": worker_id}


def enqueue(connection: sa.Connection, server: ServerRef, wish: Wish | None = None) -> bool:
    """Put the server into the queue, unless it is there; whether it is being started.

    Raises OtherEnvironment if it waits there for another environment than the `wish`.
    """
    values = {**_this(server), "now": time.time(), "no": False}
    row = connection.execute(_ENQUEUE, values).one()
    there = _wish(row)
    if wish and there and wish != there:
        raise OtherEnvironment(
            "Another launch is starting your server in another environment. Try again when it has"
            " ended, or cancel it."
        )
    if wish and not there:
        named = {"on": wish.system, "named": wish.entrypoint}
        connection.execute(_SET_WISH, {**_this(server), **named})
    return row.asked_at is not None


def _wish(row: Any) -> Wish | None:
    return None if row.entrypoint is None else Wish(row.system, row.entrypoint)


def wish(connection: sa.Connection, server: ServerRef) -> Wish | None:
    """The environment in which launches want the server to start."""
    row = connection.execute(_WISH, _this(server)).one_or_none()
    return _wish(row) if row else None


def is_wanted(connection: sa.Connection, server: ServerRef) -> bool:
    """Whether the server is in the queue or being started."""
    return connection.execute(_IS_WANTED, _this(server)).first() is not None


def claim(
    connection: sa.Connection, worker_id: str, count: int, *, only_unfailed: bool = False
) -> tuple[list[ClaimedStart], list[str]]:
    """Claim at most `count` queued servers for the worker, first come first served.

    Returns them and the ids of the launches whose state changed. `only_unfailed` leaves out users
    whose starts failed since the last success of any user.
    """
    if not count:
        return [], []
    first, now = _FIRST_UNFAILED if only_unfailed else _FIRST, time.time()
    rows = list(connection.execute(first, {"count": count}))
    servers = [ServerRef(row.user, row.server) for row in rows]
    these = [(server.user, server.name) for server in servers]
    connection.execute(_CLAIM, {"these": these, "by": worker_id, "now": now})
    moved = launch_rows.move_waiting(connection, servers, ("queued",), state="starting")
    claimed = zip(servers, rows, strict=True)
    return [
        ClaimedStart(server, now - row.queued_at, wish=_wish(row)) for server, row in claimed
    ], moved


def take_over(connection: sa.Connection, worker_id: str) -> list[ClaimedStart]:
    """Make the worker responsible for starts in flight whose worker is gone."""
    rows = connection.execute(_TAKE_OVER, {"by": worker_id})
    return [
        ClaimedStart(ServerRef(row.user, row.server), 0.0, row.asked_at, _wish(row)) for row in rows
    ]


def succeeded(
    connection: sa.Connection,
    server: ServerRef,
    worker_id: str,
    at: float,
    ours: bool,
    limits: StartLimits,
) -> list[str]:
    """Record that the server has run since `at`; returns the ids of its launches, which continue.

    `ours` says whether the launcher began the start; only then does it raise the limit. An unwanted
    start proves nothing: the hub reports some starts as ready that were stopped.
    """
    limit.lock(connection)
    ended = _finish(connection, server, worker_id)
    if ended is None or ended.unwanted:
        return []
    if ours:
        limit.raise_by_one(connection, at, limits)
    breaker.forget_failures(connection, at)
    breaker.end_cooldown(connection, server)
    return launch_rows.move_waiting(connection, [server], WAITING, state="uploading")


def failed(
    connection: sa.Connection,
    server: ServerRef,
    worker_id: str,
    problem: Mapping[str, object],
    limits: StartLimits,
    *,
    counts: bool,
    lost: bool,
) -> list[str]:
    """Record that the start failed; returns the ids of its launches, which fail with it.

    `counts` says whether the hub counts it among the failures in a row, and `lost` that the hub
    gave no reason: if it is unwanted, too, it was stopped.
    """
    limit.lock(connection)
    ended = _finish(connection, server, worker_id)
    if ended is None:
        return []
    if counts and not (lost and ended.unwanted):
        kind = str(problem["type"]).rpartition(":")[2]
        breaker.count_failure(connection, server, kind, limits, ended.asked_at)
    return launch_rows.fail_waiting(connection, [server], problem)


def _finish(connection: sa.Connection, server: ServerRef, worker_id: str) -> Any:
    """The row of the start that ends now; None when the worker is not responsible (any more).

    Repeated after a lost acknowledgement, it changes nothing.
    """
    return connection.execute(_FINISH, _mine(server, worker_id)).one_or_none()


def throttled(
    connection: sa.Connection,
    server: ServerRef,
    worker_id: str,
    seconds: float,
    limits: StartLimits,
) -> list[str]:
    """Halve the limit and requeue the server: the hub takes no more starts for `seconds`."""
    limit.lock(connection)
    if connection.execute(_IS_MINE, _mine(server, worker_id)).first() is None:
        return []
    limit.halve(connection, seconds, limits)
    return requeue(connection, server, worker_id)


def requeue(connection: sa.Connection, server: ServerRef, worker_id: str) -> list[str]:
    """Put a start that did not begin back to its old place in the queue; ids of its launches."""
    if not connection.execute(_REQUEUE, _mine(server, worker_id)).rowcount:
        return []
    _renew_wish(connection, server)
    return launch_rows.move_waiting(connection, [server], ("starting",), state="queued")


def release(connection: sa.Connection, server: ServerRef, worker_id: str) -> None:
    """Let any worker take over the start that this worker began, or may have begun."""
    connection.execute(_RELEASE, _mine(server, worker_id))


def refuse_queued(
    connection: sa.Connection,
    problem: Mapping[str, object],
    *,
    before: float = float("inf"),
    only_failed: bool = False,
) -> list[str]:
    """Remove what was queued `before` from the queue; its launches fail. Returns their ids.

    `only_failed` removes only servers of users whose starts failed since the last success.
    """
    late = starts.c.asked_at.is_(None) & (starts.c.queued_at < before)
    if only_failed:
        late &= starts.c.user.in_(breaker.failed_users())
    query = starts.delete().where(late).returning(starts.c.user, starts.c.server)
    servers = [ServerRef(row.user, row.server) for row in connection.execute(query)]
    return launch_rows.fail_waiting(connection, servers, problem) if servers else []


def drop_unwanted(connection: sa.Connection, server: ServerRef) -> None:
    """After a launch was cancelled: if no other one waits for the server, drop its start.

    What the cancelled launch wished is not granted to another one.
    """
    if launch_rows.is_waited_for(connection, server):
        _renew_wish(connection, server)
        return
    here = (starts.c.user == server.user) & (starts.c.server == server.name)
    connection.execute(starts.delete().where(here & starts.c.asked_at.is_(None)))
    unwanted = {"unwanted": True, "system": None, "entrypoint": None}
    connection.execute(starts.update().where(here).values(unwanted))


def _renew_wish(connection: sa.Connection, server: ServerRef) -> None:
    """Grant a start only what the launches want that wait for it now."""
    found = launch_rows.wanted_environment(connection, server)
    if found:
        named = {"on": found.system, "named": found.entrypoint}
        connection.execute(_SET_WISH, {**_this(server), **named})
    else:
        connection.execute(_WITHDRAW_WISH, _this(server))


def owned_by(connection: sa.Connection, worker_id: str) -> list[OwnStart]:
    """The starts that the worker is responsible for."""
    rows = connection.execute(_OWN, {"by": worker_id})
    return [OwnStart(ServerRef(row.user, row.server), row.unwanted) for row in rows]


def is_unwanted(connection: sa.Connection, server: ServerRef) -> bool:
    """Whether no launch waits for the server that is being started."""
    return connection.execute(_IS_UNWANTED, _this(server)).first() is not None


def give_up(connection: sa.Connection, server: ServerRef, worker_id: str) -> bool:
    """Forget the start if it is still unwanted and the worker's; whether it was."""
    query = starts.delete().where(_MINE & starts.c.unwanted)
    return bool(connection.execute(query, _mine(server, worker_id)).rowcount)


def release_orphans(connection: sa.Connection) -> None:
    """Let other workers take over starts whose worker is gone."""
    gone = starts.c.worker_id.is_not(None) & starts.c.worker_id.not_in(workers.alive())
    connection.execute(starts.update().where(gone).values(worker_id=None))


def positions(connection: sa.Connection) -> dict[ServerRef, int]:
    """The place of each server in the queue; 1 is next."""
    rows = connection.execute(_IN_TURN)
    return {ServerRef(row.user, row.server): place for place, row in enumerate(rows, 1)}
