"""Launches as rows: put down, read, advanced by the process that holds them."""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from launcher.store import events, leases, processes
from launcher.store.tables import launches

ACTIVE = ("queued", "starting", "uploading")
ENDED = ("done", "failed", "cancelled")
# so that the launches of a process that died are shared among those that live
MOST_AT_ONCE = 20


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
_IS_MINE = sa.select(launches.c.id).where(_UNDER_WAY & _HELD).with_for_update()
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


def is_mine(connection: sa.Connection, launch: Launch) -> bool:
    """Whether the launch is still the caller's to go on with."""
    mine = {"this": launch.id, "by": launch.holder}
    return connection.execute(_IS_MINE, mine).first() is not None


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


def adopt(connection: sa.Connection, holder: str) -> list[Launch]:
    """Some of the launches whose process is gone, which are `holder`'s from now on."""
    orphans = (
        sa.select(launches.c.id)
        .where(launches.c.holder.is_not(None) & launches.c.holder.not_in(processes.alive()))
        .order_by(launches.c.created_at)
        .limit(MOST_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    values = {"holder": holder, "rounds": launches.c.rounds + 1}
    query = launches.update().where(launches.c.id.in_(orphans)).values(values)
    return [Launch(**row._mapping) for row in connection.execute(query.returning(*launches.c))]


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
