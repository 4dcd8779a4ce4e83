"""The servers that launches wait for: in the queue, or being started by one of the processes.

A start is in flight from the moment that a process takes it (`asked_at`), whoever attends to it:
the hub goes on with it when that process dies.
"""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.store import breaker, events, leases, limit, processes
from launcher.store.limit import Limits
from launcher.store.tables import launches, starts

WAITING = ("queued", "starting")


@dataclass(frozen=True)
class Taken:
    """A start that a process attends to from now on."""

    user: str
    waited: float
    """Seconds in the queue."""
    begun_at: float | None = None
    """When another process began it; None: it is to be begun."""


# made once: to make a statement anew costs more than to run it
_THIS = starts.c.user == sa.bindparam("this")
_MINE = _THIS & (starts.c.holder == sa.bindparam("by"))
_IS_WANTED = sa.select(starts.c.user).where(_THIS)
_IS_HELD = sa.select(starts.c.user).where(_MINE)
_FINISH = starts.delete().where(_MINE).returning(starts.c.asked_at)
_ENQUEUE = sa.text(
    'INSERT INTO starts ("user", queued_at, unwanted) VALUES (:user, :now, :no)'
    ' ON CONFLICT ("user") DO UPDATE SET unwanted = :no RETURNING asked_at'
)
_QUEUED = sa.select(starts.c.user, starts.c.queued_at).where(starts.c.asked_at.is_(None))
_IN_TURN = _QUEUED.order_by(starts.c.queued_at)
_FIRST = _IN_TURN.limit(sa.bindparam("count"))
_FIRST_UNFAILED = _QUEUED.where(starts.c.user.not_in(breaker.failed_users()))
_FIRST_UNFAILED = _FIRST_UNFAILED.order_by(starts.c.queued_at).limit(sa.bindparam("count"))
_CLAIM = (
    starts.update()
    .where(starts.c.user.in_(sa.bindparam("these", expanding=True)))
    .values(holder=sa.bindparam("by"), asked_at=sa.bindparam("now"))
)
_UNATTENDED = starts.c.holder.is_(None) & starts.c.asked_at.is_not(None)
_TAKE_OVER = (
    starts.update()
    .where(_UNATTENDED)
    .values(holder=sa.bindparam("by"))
    .returning(starts.c.user, starts.c.asked_at)
)
_RELEASE = starts.update().where(_MINE).values(holder=None)
_REQUEUE = starts.update().where(_MINE).values(holder=None, asked_at=None)
_HELD_BY = sa.select(starts.c.user, starts.c.unwanted).where(starts.c.holder == sa.bindparam("by"))


@functools.cache
def _change_of(columns: tuple[str, ...]) -> sa.Executable:
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in columns}
    theirs = launches.c.user.in_(sa.bindparam("these", expanding=True))
    here = theirs & launches.c.state.in_(sa.bindparam("states", expanding=True))
    values["seq"] = launches.c.seq + sa.bindparam("changes")
    return launches.update().where(here).values(values).returning(launches.c.id, launches.c.seq)


def enqueue(connection: sa.Connection, user: str) -> bool:
    """Have the user's server wait for its start, if it does not; whether it is being started."""
    row = {"user": user, "now": time.time(), "no": False}
    return connection.execute(_ENQUEUE, row).scalar_one() is not None


def is_wanted(connection: sa.Connection, user: str) -> bool:
    """Whether the user's server is in the queue or being started."""
    return connection.execute(_IS_WANTED, {"this": user}).first() is not None


def claim(
    connection: sa.Connection, holder: str, count: int, *, only_unfailed: bool = False
) -> tuple[list[Taken], list[str]]:
    """Take at most `count` servers to be started by `holder`, first come first served.

    With them the ids of the launches that moved on. `only_unfailed` leaves out the users whose
    starts failed since the last success of anybody.
    """
    if not count:
        return [], []
    first, now = _FIRST_UNFAILED if only_unfailed else _FIRST, time.time()
    rows = list(connection.execute(first, {"count": count}))
    users = [row.user for row in rows]
    connection.execute(_CLAIM, {"these": users, "by": holder, "now": now})
    moved = _move(connection, users, ("queued",), state="starting")
    return [Taken(row.user, now - row.queued_at) for row in rows], moved


def take_over(connection: sa.Connection, holder: str) -> list[Taken]:
    """Have `holder` attend to the starts in flight whose process is gone."""
    rows = connection.execute(_TAKE_OVER, {"by": holder})
    return [Taken(row.user, 0.0, begun_at=row.asked_at) for row in rows]


def succeeded(
    connection: sa.Connection, user: str, holder: str, at: float, ours: bool, limits: Limits
) -> list[str]:
    """The user's server runs since `at`; the ids of the launches that go on.

    `ours` says whether the launcher began the start, which then shows what the hub bears.
    """
    limit.lock(connection)
    if _finish(connection, user, holder) is None:
        return []
    if ours:
        limit.raise_by_one(connection, at, limits)
    breaker.forget_failures(connection, at)
    breaker.end_cooldown(connection, user)
    return _move(connection, [user], WAITING, state="uploading")


def failed(
    connection: sa.Connection,
    user: str,
    holder: str,
    problem: Mapping[str, object],
    counts: bool,
    limits: Limits,
) -> list[str]:
    """The start failed, and with it the launches that waited for it, whose ids these are.

    `counts` says whether the hub counts it among the failures in a row.
    """
    limit.lock(connection)
    asked_at = _finish(connection, user, holder)
    if asked_at is None:
        return []
    if counts:
        kind = str(problem["type"]).rpartition(":")[2]
        breaker.count_failure(connection, user, kind, limits, asked_at)
    return fail_waiting(connection, [user], problem)


def _finish(connection: sa.Connection, user: str, holder: str) -> float | None:
    """When the start began that ends now; None when it is not the holder's (any more).

    What is written again after a lost acknowledgement changes nothing the second time.
    """
    asked_at: float | None = connection.execute(_FINISH, {"this": user, "by": holder}).scalar()
    return asked_at


def throttled(
    connection: sa.Connection, user: str, holder: str, seconds: float, limits: Limits
) -> list[str]:
    """The hub takes no more for `seconds`: halve the limit, and let the server wait again."""
    limit.lock(connection)
    if connection.execute(_IS_HELD, {"this": user, "by": holder}).first() is None:
        return []
    limit.halve(connection, seconds, limits)
    return requeue(connection, user, holder)


def requeue(connection: sa.Connection, user: str, holder: str) -> list[str]:
    """Let a server wait again whose start `holder` did not begin after all; ids of its launches.

    It has its old place.
    """
    if not connection.execute(_REQUEUE, {"this": user, "by": holder}).rowcount:
        return []
    return _move(connection, [user], ("starting",), state="queued")


def release(connection: sa.Connection, user: str, holder: str) -> None:
    """Let any process attend to the start that `holder` began, or may have begun."""
    connection.execute(_RELEASE, {"this": user, "by": holder})


def refuse_queued(
    connection: sa.Connection,
    problem: Mapping[str, object],
    *,
    before: float = float("inf"),
    only_failed: bool = False,
) -> list[str]:
    """Take out of the queue what was put there `before`: its launches fail; their ids.

    `only_failed` means the users alone whose starts failed since the last success of anybody.
    """
    late = starts.c.asked_at.is_(None) & (starts.c.queued_at < before)
    if only_failed:
        late &= starts.c.user.in_(breaker.failed_users())
    users = list(connection.execute(starts.delete().where(late).returning(starts.c.user)).scalars())
    return fail_waiting(connection, users, problem) if users else []


def said(
    connection: sa.Connection, user: str, messages: Sequence[Mapping[str, object]]
) -> list[str]:
    """Tell the launches that wait for the user's server what the spawner says; their ids."""
    changes = _change(connection, [user], ("starting",), changes=len(messages))
    for back, data in enumerate(reversed(messages)):
        told = [(launch_id, seq - back) for launch_id, seq in changes]
        events.append(connection, told, "progress", data)
    return [launch_id for launch_id, _ in changes]


def drop_unwanted(connection: sa.Connection, user: str) -> None:
    """After a cancelled launch: when no other one waits for the server, no start is wanted."""
    theirs = (launches.c.user == user) & launches.c.state.in_(WAITING)
    waits = sa.select(launches.c.id).where(theirs)
    if connection.execute(waits.limit(1)).first() is None:
        here = starts.c.user == user
        connection.execute(starts.delete().where(here & starts.c.asked_at.is_(None)))
        connection.execute(starts.update().where(here).values(unwanted=True))


def held_by(connection: sa.Connection, holder: str) -> list[tuple[str, bool]]:
    """The users whose servers `holder` starts, and whether nobody waits for them any more."""
    return [(row.user, row.unwanted) for row in connection.execute(_HELD_BY, {"by": holder})]


def is_unwanted(connection: sa.Connection, user: str) -> bool:
    """Whether nobody waits for the server that is being started."""
    query = sa.select(starts.c.user).where((starts.c.user == user) & starts.c.unwanted)
    return connection.execute(query).first() is not None


def give_up(connection: sa.Connection, user: str, holder: str) -> bool:
    """Whether the start is still unwanted and `holder`'s; then it is forgotten."""
    query = starts.delete().where(_MINE & starts.c.unwanted)
    return bool(connection.execute(query, {"this": user, "by": holder}).rowcount)


def orphans(connection: sa.Connection) -> None:
    """Let other processes attend to the starts whose process is gone."""
    gone = starts.c.holder.is_not(None) & starts.c.holder.not_in(processes.alive())
    connection.execute(starts.update().where(gone).values(holder=None))


def positions(connection: sa.Connection) -> dict[str, int]:
    """The place of each user's server in the queue, 1 for the next."""
    return {row.user: place for place, row in enumerate(connection.execute(_IN_TURN), 1)}


def fail_waiting(
    connection: sa.Connection, users: list[str], problem: Mapping[str, object]
) -> list[str]:
    """Fail the launches that wait for these users' servers; their ids."""
    end: dict[str, Any] = {"state": "failed", "problem": dict(problem)}
    end |= {"content": "", "holder": None}
    ids = [launch_id for launch_id, _ in _change(connection, users, WAITING, **end)]
    for launch_id in ids:
        leases.release(connection, launch_id)
    return ids


def _move(
    connection: sa.Connection, users: list[str], states: tuple[str, ...], *, state: str
) -> list[str]:
    changes = _change(connection, users, states, state=state)
    events.append(connection, changes, "state", {"state": state})
    return [launch_id for launch_id, _ in changes]


def _change(
    connection: sa.Connection,
    users: list[str],
    states: tuple[str, ...],
    *,
    changes: int = 1,
    **values: object,
) -> list[tuple[str, int]]:
    """Change the launches of the users in these states; the number of the last change of each."""
    values["updated_at"] = time.time()
    new = {f"new_{name}": value for name, value in values.items()}
    these = {"these": users, "states": states, "changes": changes}
    found = connection.execute(_change_of(tuple(values)), {**these, **new})
    return [(row.id, row.seq) for row in found]
