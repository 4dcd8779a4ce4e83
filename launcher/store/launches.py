"""Launches as rows: put down, read, advanced by the process that holds them."""

import functools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from launcher.errors import TooManyLaunches
from launcher.store import events, leases, processes
from launcher.store.tables import launches, starts

ACTIVE = ("queued", "starting", "uploading")
ENDED = ("done", "failed", "cancelled")
# so that the launches of a process that died are shared among those that live
MOST_AT_ONCE = 20
# in place of the process that had a launch and ended in good order
LEFT = ""
BOUNDS_SECONDS = 60.0
BOUNDS_RETRY_SECONDS = 10


@dataclass(frozen=True)
class Bounds:
    """How many launches one user may have under way, and may begin within a minute."""

    under_way: int
    per_minute: int


@dataclass(frozen=True)
class Launch:
    """One request to open an experiment for a user, as it is stored."""

    id: str
    user: str
    experiment: str
    directory: str
    filename: str
    workspace: str | None
    if_exists: str
    content: str
    state: str = "queued"
    rounds: int = 0
    path: str | None = None
    problem: dict[str, Any] | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    seq: int = 0
    holder: str | None = None
    requested_by: str | None = None
    request_id: str | None = None
    takeovers: int = 0
    crashes: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


# every launch goes through these two; as text they cost a third
_NEW = [column.name for column in launches.c if column.name not in ("path", "problem")]
_COLUMNS = ", ".join(f'"{name}"' for name in _NEW)
_VALUES = ", ".join(f":{name}" for name in _NEW)
_INSERT = sa.text(f"INSERT INTO launches ({_COLUMNS}) VALUES ({_VALUES})")  # noqa: S608
_DONE = sa.text(
    "UPDATE launches SET state = 'done', path = :path, updated_at = :now, seq = seq + 1,"
    " content = '', holder = NULL"
    " WHERE id = :id AND holder = :holder AND state IN ('queued', 'starting', 'uploading')"
    " RETURNING seq"
)
# made once: to make a statement anew costs more than to run it
_FIND = launches.select().where(launches.c.id == sa.bindparam("this"))
_UNDER_WAY = (launches.c.id == sa.bindparam("this")) & launches.c.state.in_(ACTIVE)
_HELD = launches.c.holder == sa.bindparam("by")
_IS_MINE = sa.select(launches.c.id).where(_UNDER_WAY & _HELD)
_HELD_IDS = sa.select(launches.c.id).where(_HELD)
_OF_USER = launches.c.user == sa.bindparam("whose")
_UNDER_WAY_OF_USER = sa.select(sa.func.count(launches.c.id)).where(
    _OF_USER & launches.c.holder.is_not(None)
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
_SEQS = sa.select(launches.c.id, launches.c.seq).where(
    launches.c.id.in_(sa.bindparam("these", expanding=True))
)


@functools.cache
def _change_of(columns: tuple[str, ...]) -> sa.Executable:
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in columns}
    query = launches.update().where(_UNDER_WAY & _HELD)
    return query.values(seq=launches.c.seq + 1, **values).returning(*launches.c)


def insert(connection: sa.Connection, launch: Launch) -> Launch:
    """Write a new launch down."""
    now = time.time()
    launch = replace(launch, created_at=now, updated_at=now)
    connection.execute(_INSERT, {name: getattr(launch, name) for name in _NEW})
    return launch


def find(connection: sa.Connection, launch_id: str) -> Launch | None:
    """The launch with that id, whoever's it is."""
    row = connection.execute(_FIND, {"this": launch_id}).one_or_none()
    return Launch(**row._mapping) if row else None


def page(
    connection: sa.Connection,
    where: Mapping[str, str],
    *,
    before: tuple[float, str] | None,
    limit: int,
) -> list[Launch]:
    """At most `limit` launches whose columns are as in `where`, newest first, without content.

    `before` is (created_at, id) of the launch after which to go on.
    """
    columns = [column for column in launches.c if column.name != "content"]
    query = sa.select(sa.literal("").label("content"), *columns)
    for name, value in where.items():
        query = query.where(launches.c[name] == value)
    if before:
        query = query.where(sa.tuple_(launches.c.created_at, launches.c.id) < sa.tuple_(*before))
    newest_first = query.order_by(launches.c.created_at.desc(), launches.c.id.desc()).limit(limit)
    return [Launch(**row._mapping) for row in connection.execute(newest_first)]


def done(connection: sa.Connection, launch: Launch, path: str) -> Launch | None:
    """Write down where the notebook is, and let go of all else; None as in `end`."""
    now = time.time()
    mine = {"path": path, "now": now, "id": launch.id, "holder": launch.holder}
    row = connection.execute(_DONE, mine).one_or_none()
    if row is None:
        return None
    leases.release(connection, launch.id)
    return replace(
        launch,
        state="done",
        path=path,
        updated_at=now,
        seq=row.seq,
        content="",
        holder=None,
    )


def end(connection: sa.Connection, launch: Launch, **changes: Any) -> Launch | None:
    """Write down how it ended, and let go of its notebook, its names and its holder.

    None when it is not the caller's any more: it was cancelled, or another process has it.
    """
    if not (row := _change(connection, launch, content="", holder=None, **changes)):
        return None
    leases.release(connection, launch.id)
    return Launch(**row._mapping)


def move(connection: sa.Connection, launch: Launch, **changes: Any) -> Launch | None:
    """Write down what changed, and that it did; None when it is not the caller's any more."""
    row = _change(connection, launch, **changes)
    if row and "state" in changes:
        events.append(connection, [(launch.id, row.seq)], "state", {"state": row.state})
    return Launch(**row._mapping) if row else None


def _change(connection: sa.Connection, launch: Launch, **values: Any) -> Any:
    values["updated_at"] = time.time()
    mine = {"this": launch.id, "by": launch.holder}
    new = {f"new_{name}": value for name, value in values.items()}
    return connection.execute(_change_of(tuple(values)), {**mine, **new}).one_or_none()


def is_mine(connection: sa.Connection, launch: Launch, *, for_update: bool = True) -> bool:
    """Whether the launch is still the caller's to go on with, `for_update` until the commit."""
    mine = {"this": launch.id, "by": launch.holder}
    query = _IS_MINE.with_for_update() if for_update else _IS_MINE
    return connection.execute(query, mine).first() is not None


def cancel(connection: sa.Connection, launch_id: str) -> bool:
    """Whether the launch was under way, and is cancelled now. Its holder tidies up after it."""
    now = {"state": "cancelled", "updated_at": time.time(), "seq": launches.c.seq + 1}
    query = launches.update().where(_UNDER_WAY).values(now)
    return bool(connection.execute(query, {"this": launch_id}).rowcount)


def let_go(connection: sa.Connection, launch: Launch) -> None:
    """Nothing is left of a launch that was cancelled."""
    mine = (launches.c.id == launch.id) & (launches.c.holder == launch.holder)
    gone = {"content": "", "holder": None}
    connection.execute(launches.update().where(mine).values(gone))
    leases.release(connection, launch.id)


def held(connection: sa.Connection, holder: str) -> list[str]:
    """The ids of the launches that `holder` has under way."""
    return list(connection.execute(_HELD_IDS, {"by": holder}).scalars())


def leave(connection: sa.Connection, holder: str) -> None:
    """The process `holder` ends in good order: its launches are for others to go on with."""
    mine = launches.c.holder == holder
    connection.execute(launches.update().where(mine).values(holder=LEFT))


def adopt(connection: sa.Connection, holder: str) -> list[Launch]:
    """Some of the launches whose process is gone, which are `holder`'s from now on.

    A process that died while a launch waited for its server did not die of that launch.
    """
    orphans = (
        sa.select(launches.c.id)
        .where(launches.c.holder.is_not(None) & launches.c.holder.not_in(processes.alive()))
        .order_by(launches.c.created_at)
        .limit(MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    waits = launches.c.user.in_(sa.select(starts.c.user))
    died_at_work = (launches.c.holder != LEFT) & sa.not_(waits)
    values = {
        "holder": holder,
        "rounds": launches.c.rounds + 1,
        "takeovers": launches.c.takeovers + 1,
        "crashes": launches.c.crashes + sa.case((died_at_work, 1), else_=0),
    }
    query = launches.update().where(launches.c.id.in_(orphans)).values(values)
    return [Launch(**row._mapping) for row in connection.execute(query.returning(*launches.c))]


def check_bounds(connection: sa.Connection, user: str, bounds: Bounds) -> None:
    """Raise TooManyLaunches when the user may not begin another launch now."""
    now = time.time()
    asked = {"whose": user, "since": now - BOUNDS_SECONDS, "before": bounds.per_minute - 1}
    counted = connection.execute(_COUNT_OF_USER, asked).one()
    if counted.under_way >= bounds.under_way:
        raise TooManyLaunches(
            f"{counted.under_way} launches of this user are under way, as many as may be. Wait"
            " until some have ended, or cancel them.",
            retry_after=BOUNDS_RETRY_SECONDS,
        )
    if counted.earlier is not None:
        raise TooManyLaunches(
            f"This user began {bounds.per_minute} launches within a minute, as many as may be.",
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
