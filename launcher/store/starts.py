"""The servers that launches wait for: a queue, a limit on starts in flight, and a breaker.

Counted over all processes. The breaker keeps the starts that failed in a row, with those in flight,
below a number: a hub may be set to exit after so many (`consecutive_failure_limit`), and only a
success resets its count.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.store import events, leases, processes
from launcher.store.tables import failed_starts, launches, start_limit, starts

# a success that long ago says nothing about the next start
PROOF_SECONDS = 600.0
WAITING = ("queued", "starting")


@dataclass(frozen=True)
class Limits:
    """What the site allows: starts in flight, failures in a row (0: any), servers in the queue."""

    max_starts: int
    max_failed: int
    max_queued: int


@dataclass(frozen=True)
class Status:
    """How the starts are going, over all processes."""

    in_flight: int
    queued: int
    failed: int
    kind: str  # of the last failure; '' without one
    proven: bool  # the last start that ended was a success, and not long ago
    limit: int
    paused_until: float

    def allowed(self, limits: Limits) -> int:
        """How many more starts may begin now."""
        if self.paused_until > time.time():
            return 0
        room = self.limit - self.in_flight
        if limits.max_failed and not self.proven:
            room = min(room, limits.max_failed - 1 - self.failed - self.in_flight)
        return max(0, room)

    def is_open(self, limits: Limits) -> bool:
        """Whether no start may begin before somebody says that starts work again."""
        return bool(limits.max_failed) and self.failed >= limits.max_failed - 1 > 0


def lock(connection: sa.Connection) -> None:
    """Wait until no other transaction changes what waits: first of all, else two may lock up."""
    connection.execute(start_limit.select().with_for_update())


def status(connection: sa.Connection, limits: Limits) -> Status:
    """How the starts are going; what is decided upon it holds until the transaction ends."""
    row = connection.execute(start_limit.select().with_for_update()).one()
    counts = sa.select(sa.func.count(starts.c.holder), sa.func.count(starts.c.user))
    in_flight, all_of_them = connection.execute(counts).one()
    newest_first = sa.select(failed_starts.c.kind).order_by(failed_starts.c.id.desc())
    kinds = list(connection.execute(newest_first).scalars())
    return Status(
        in_flight=in_flight,
        queued=all_of_them - in_flight,
        failed=len(kinds),
        kind=kinds[0] if kinds else "",
        proven=not kinds and row.succeeded_at > time.time() - PROOF_SECONDS,
        limit=max(1, int(min(row.starts, limits.max_starts))),
        paused_until=row.paused_until,
    )


_ENQUEUE = sa.text(
    'INSERT INTO starts ("user", queued_at, unwanted) VALUES (:user, :now, :no)'
    ' ON CONFLICT ("user") DO UPDATE SET unwanted = :no RETURNING holder'
)


def enqueue(connection: sa.Connection, user: str) -> bool:
    """Have the user's server wait for its start, if it does not; whether it is being started."""
    row = {"user": user, "now": time.time(), "no": False}
    return connection.execute(_ENQUEUE, row).scalar_one() is not None


def is_wanted(connection: sa.Connection, user: str) -> bool:
    """Whether the user's server is in the queue or being started."""
    query = sa.select(starts.c.user).where(starts.c.user == user)
    return connection.execute(query).first() is not None


def claim(
    connection: sa.Connection, holder: str, count: int
) -> tuple[list[tuple[str, float]], list[str]]:
    """Take at most `count` servers to be started by `holder`, first come first served.

    Each is (user, seconds in the queue); with them the ids of the launches that moved on.
    """
    if not count:
        return [], []
    first = sa.select(starts.c.user, starts.c.queued_at).where(starts.c.holder.is_(None))
    taken = list(connection.execute(first.order_by(starts.c.queued_at).limit(count)))
    users = [row.user for row in taken]
    connection.execute(starts.update().where(starts.c.user.in_(users)).values(holder=holder))
    moved = _move(connection, users, ("queued",), state="starting")
    return [(row.user, time.time() - row.queued_at) for row in taken], moved


def succeeded(connection: sa.Connection, user: str, at: float, max_starts: int) -> list[str]:
    """The user's server runs, started `at`; the ids of the launches that go on."""
    row = connection.execute(start_limit.select().with_for_update()).one()
    more = min(row.starts + 1, max_starts)
    values = {"starts": more, "succeeded_at": max(row.succeeded_at, at)}
    connection.execute(start_limit.update().values(values))
    forget_failures(connection, at)
    connection.execute(starts.delete().where(starts.c.user == user))
    return _move(connection, [user], WAITING, state="uploading")


def failed(
    connection: sa.Connection, user: str, problem: Mapping[str, object], counts: bool
) -> list[str]:
    """The start failed, and with it the launches that waited for it, whose ids these are.

    `counts` says whether the hub counts it among the failures in a row.
    """
    lock(connection)
    if counts:
        kind = str(problem["type"]).rpartition(":")[2]
        connection.execute(failed_starts.insert().values(kind=kind, at=time.time()))
    connection.execute(starts.delete().where(starts.c.user == user))
    return fail_waiting(connection, [user], problem)


def throttled(connection: sa.Connection, user: str, seconds: float, max_starts: int) -> list[str]:
    """The hub takes no more for `seconds`: halve the limit, and let the server wait again."""
    row = connection.execute(start_limit.select().with_for_update()).one()
    query = sa.select(sa.func.count(starts.c.holder))
    used = min(row.starts, max_starts, max(1, connection.execute(query).scalar_one()))
    until = max(row.paused_until, time.time() + seconds)
    connection.execute(start_limit.update().values(starts=max(1.0, used / 2), paused_until=until))
    return requeue(connection, user)


def requeue(connection: sa.Connection, user: str) -> list[str]:
    """Let the server wait again, in its old place; the ids of its launches."""
    connection.execute(starts.update().where(starts.c.user == user).values(holder=None))
    return _move(connection, [user], ("starting",), state="queued")


def refuse_queued(
    connection: sa.Connection, problem: Mapping[str, object], *, before: float = float("inf")
) -> list[str]:
    """Take out of the queue what was put there `before`: its launches fail; their ids."""
    late = starts.c.holder.is_(None) & (starts.c.queued_at < before)
    users = list(connection.execute(starts.delete().where(late).returning(starts.c.user)).scalars())
    return fail_waiting(connection, users, problem) if users else []


def forget_failures(connection: sa.Connection, before: float) -> int:
    """A start that began `before` works, or an administrator says so; how many are forgotten."""
    return connection.execute(failed_starts.delete().where(failed_starts.c.at <= before)).rowcount


def said(connection: sa.Connection, user: str, data: Mapping[str, object]) -> list[str]:
    """Tell the launches that wait for the user's server what the spawner says; their ids."""
    changes = _bump(connection, [user], ("starting",), {})
    events.append(connection, changes, "progress", data)
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
    query = sa.select(starts.c.user, starts.c.unwanted).where(starts.c.holder == holder)
    return [(row.user, row.unwanted) for row in connection.execute(query)]


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
    query = sa.select(starts.c.user).where(starts.c.holder.is_(None)).order_by(starts.c.queued_at)
    return {user: place for place, user in enumerate(connection.execute(query).scalars(), 1)}


def fail_waiting(
    connection: sa.Connection, users: list[str], problem: Mapping[str, object]
) -> list[str]:
    """Fail the launches that wait for these users' servers; their ids."""
    values = {"state": "failed", "problem": dict(problem), "content": "", "holder": None}
    ids = [launch_id for launch_id, _ in _bump(connection, users, WAITING, values)]
    for launch_id in ids:
        leases.release(connection, launch_id)
    return ids


def _move(
    connection: sa.Connection, users: list[str], states: tuple[str, ...], *, state: str
) -> list[str]:
    changes = _bump(connection, users, states, {"state": state})
    events.append(connection, changes, "state", {"state": state})
    return [launch_id for launch_id, _ in changes]


def _bump(
    connection: sa.Connection,
    users: list[str],
    states: tuple[str, ...],
    values: Mapping[str, object],
) -> list[tuple[str, int]]:
    """Change the launches of the users in these states; the number of the change for each."""
    here = launches.c.user.in_(users) & launches.c.state.in_(states)
    change = {"seq": launches.c.seq + 1, "updated_at": time.time(), **values}
    query = launches.update().where(here).values(change)
    returned = connection.execute(query.returning(launches.c.id, launches.c.seq))
    return [(row.id, row.seq) for row in returned]
