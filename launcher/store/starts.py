"""The servers that launches wait for: in the queue, or being started by one of the processes."""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from launcher.store import events, leases, limit, processes
from launcher.store.tables import launches, starts

WAITING = ("queued", "starting")

# made once: to make a statement anew costs more than to run it
_THIS = starts.c.user == sa.bindparam("this")
_IS_WANTED = sa.select(starts.c.user).where(_THIS)
_FORGET = starts.delete().where(_THIS)
_ENQUEUE = sa.text(
    'INSERT INTO starts ("user", queued_at, unwanted) VALUES (:user, :now, :no)'
    ' ON CONFLICT ("user") DO UPDATE SET unwanted = :no RETURNING holder'
)
_QUEUED = sa.select(starts.c.user, starts.c.queued_at).where(starts.c.holder.is_(None))
_IN_TURN = _QUEUED.order_by(starts.c.queued_at)
_FIRST = _IN_TURN.limit(sa.bindparam("count"))
_CLAIM = (
    starts.update()
    .where(starts.c.user.in_(sa.bindparam("these", expanding=True)))
    .values(holder=sa.bindparam("by"))
)
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
    connection: sa.Connection, holder: str, count: int
) -> tuple[list[tuple[str, float]], list[str]]:
    """Take at most `count` servers to be started by `holder`, first come first served.

    Each is (user, seconds in the queue); with them the ids of the launches that moved on.
    """
    if not count:
        return [], []
    taken = list(connection.execute(_FIRST, {"count": count}))
    users = [row.user for row in taken]
    connection.execute(_CLAIM, {"these": users, "by": holder})
    moved = _move(connection, users, ("queued",), state="starting")
    return [(row.user, time.time() - row.queued_at) for row in taken], moved


def succeeded(connection: sa.Connection, user: str, at: float, max_starts: int) -> list[str]:
    """The user's server runs, started `at`; the ids of the launches that go on."""
    limit.raise_by_one(connection, at, max_starts)
    connection.execute(_FORGET, {"this": user})
    return _move(connection, [user], WAITING, state="uploading")


def failed(
    connection: sa.Connection, user: str, problem: Mapping[str, object], counts: bool
) -> list[str]:
    """The start failed, and with it the launches that waited for it, whose ids these are.

    `counts` says whether the hub counts it among the failures in a row.
    """
    limit.lock(connection)
    if counts:
        limit.count_failure(connection, str(problem["type"]).rpartition(":")[2])
    connection.execute(_FORGET, {"this": user})
    return fail_waiting(connection, [user], problem)


def throttled(
    connection: sa.Connection, user: str, holder: str, seconds: float, max_starts: int
) -> list[str]:
    """The hub takes no more for `seconds`: halve the limit, and let the server wait again."""
    limit.halve(connection, seconds, max_starts)
    return requeue(connection, user, holder)


def requeue(connection: sa.Connection, user: str, holder: str) -> list[str]:
    """Let the server that `holder` starts wait again, in its old place; ids of its launches."""
    held = (starts.c.user == user) & (starts.c.holder == holder)
    if not connection.execute(starts.update().where(held).values(holder=None)).rowcount:
        return []
    return _move(connection, [user], ("starting",), state="queued")


def refuse_queued(
    connection: sa.Connection, problem: Mapping[str, object], *, before: float = float("inf")
) -> list[str]:
    """Take out of the queue what was put there `before`: its launches fail; their ids."""
    late = starts.c.holder.is_(None) & (starts.c.queued_at < before)
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
        connection.execute(starts.delete().where(here & starts.c.holder.is_(None)))
        connection.execute(starts.update().where(here).values(unwanted=True))


def held_by(connection: sa.Connection, holder: str) -> list[tuple[str, bool]]:
    """The users whose servers `holder` starts, and whether nobody waits for them any more."""
    return [(row.user, row.unwanted) for row in connection.execute(_HELD_BY, {"by": holder})]


def is_unwanted(connection: sa.Connection, user: str) -> bool:
    """Whether nobody waits for the server that is being started."""
    query = sa.select(starts.c.user).where((starts.c.user == user) & starts.c.unwanted)
    return connection.execute(query).first() is not None


def give_up(connection: sa.Connection, user: str) -> bool:
    """Whether the start is still unwanted; then it is forgotten."""
    still = (starts.c.user == user) & starts.c.unwanted
    return bool(connection.execute(starts.delete().where(still)).rowcount)


def orphans(connection: sa.Connection) -> None:
    """Let the servers wait again whose process is gone; the hub says how far they are."""
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
