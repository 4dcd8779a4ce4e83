"""Launches for all participants of a workshop, and what became of each of them."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.errors import NotFound
from launcher.store import workers, workshops
from launcher.store.tables import launches, workshop_launch_members, workshop_launches

_open = workshop_launches.c.ended_at.is_(None)
_members = workshop_launch_members
LEFT = ("waiting", "begun")


@dataclass(frozen=True)
class WorkshopLaunch:
    """A launch for all participants of a workshop. Times are in seconds since 1970, UTC."""

    id: str
    workshop: str
    notebook: str | None
    """The filename; None: only the servers are started."""
    at: float
    """When the notebook is opened, or the servers are ready."""
    begins_at: float
    """When the first launch begins."""
    created_by: str
    created_at: float
    begun_at: float | None = None
    """When the participants were known."""
    ended_at: float | None = None
    cancelled_at: float | None = None
    problem: dict[str, Any] | None = None
    """Why the participants are not known."""


@dataclass(frozen=True)
class Member:
    """A participant of such a launch."""

    user: str
    state: str
    """That of the participant's launch if it began; else waiting, failed or cancelled."""
    launch_id: str | None
    attempts: int
    """Those that failed."""
    problem: dict[str, Any] | None
    """Why the last attempt failed, also while the next one waits."""
    server_user: str | None = None
    server: str | None = None
    path: str | None = None
    """Where the notebook is, below the home."""


_COLUMNS = [workshop_launches.c[name] for name in WorkshopLaunch.__dataclass_fields__]


def insert(connection: sa.Connection, launch: WorkshopLaunch, most: int) -> WorkshopLaunch | None:
    """Store a launch, unless there is one with its id; returns what is stored then.

    None if `most` of its workshop have not ended yet. Raises NotFound if there is no such workshop.
    """
    if not workshops.lock(connection, launch.workshop):
        raise NotFound("There is no such workshop any more.")
    if earlier := find(connection, launch.workshop, launch.id):
        return earlier
    theirs = _open & (workshop_launches.c.workshop == launch.workshop)
    count = sa.select(sa.func.count()).select_from(workshop_launches).where(theirs)
    if connection.execute(count).scalar_one() >= most:
        return None
    connection.execute(workshop_launches.insert().values(vars(launch)))
    return launch


def is_planned(connection: sa.Connection, workshop: str, notebook: str) -> bool:
    """Whether a launch of the notebook has not ended."""
    theirs = (workshop_launches.c.workshop == workshop) & (workshop_launches.c.notebook == notebook)
    query = sa.select(workshop_launches.c.id).where(theirs & _open).limit(1)
    return connection.execute(query).first() is not None


def find(connection: sa.Connection, workshop: str, launch_id: str) -> WorkshopLaunch | None:
    """The launch of that workshop with that id."""
    here = (workshop_launches.c.id == launch_id) & (workshop_launches.c.workshop == workshop)
    row = connection.execute(sa.select(*_COLUMNS).where(here)).first()
    return WorkshopLaunch(**row._mapping) if row else None


def find_all(connection: sa.Connection, workshop: str, limit: int) -> list[WorkshopLaunch]:
    """The last launches of a workshop, newest first."""
    query = sa.select(*_COLUMNS).where(workshop_launches.c.workshop == workshop)
    newest_first = (workshop_launches.c.created_at.desc(), workshop_launches.c.id.desc())
    rows = connection.execute(query.order_by(*newest_first).limit(limit))
    return [WorkshopLaunch(**row._mapping) for row in rows]


def claim(connection: sa.Connection, worker_id: str) -> list[WorkshopLaunch]:
    """The launches that the worker runs now: its own ones that began, and those of no worker."""
    free = workshop_launches.c.worker_id.is_(None) | workshop_launches.c.worker_id.not_in(
        workers.alive()
    )
    due = _open & (workshop_launches.c.begins_at <= time.time())
    these = sa.select(workshop_launches.c.id).where(due & free).with_for_update(skip_locked=True)
    mine = {"worker_id": worker_id}
    connection.execute(
        workshop_launches.update().where(workshop_launches.c.id.in_(these)).values(mine)
    )
    query = sa.select(*_COLUMNS).where(due & (workshop_launches.c.worker_id == worker_id))
    rows = connection.execute(query.order_by(workshop_launches.c.begins_at))
    return [WorkshopLaunch(**row._mapping) for row in rows]


def has_due(connection: sa.Connection) -> bool:
    """Whether there is anything to do for any worker."""
    due = _open & (workshop_launches.c.begins_at <= time.time())
    query = sa.select(workshop_launches.c.id).where(due).limit(1)
    return connection.execute(query).first() is not None


def begin(connection: sa.Connection, launch_id: str, users: Iterable[str]) -> None:
    """Store the participants; those of a launch that was cancelled or begun stay as they are."""
    this = (workshop_launches.c.id == launch_id) & _open & workshop_launches.c.begun_at.is_(None)
    now = {"begun_at": time.time(), "problem": None}
    if connection.execute(workshop_launches.update().where(this).values(now)).rowcount:
        rows = [{"id": launch_id, "user": user, "state": "waiting"} for user in users]
        if rows:
            connection.execute(_members.insert(), rows)


def record_problem(
    connection: sa.Connection, launch_id: str, problem: Mapping[str, Any], *, ends: bool
) -> None:
    """Record why the participants are not known."""
    this = (workshop_launches.c.id == launch_id) & _open & workshop_launches.c.begun_at.is_(None)
    values: dict[str, Any] = {"problem": dict(problem)}
    if ends:
        values["ended_at"] = time.time()
    connection.execute(workshop_launches.update().where(this).values(values))


def end_if_done(connection: sa.Connection, launch_id: str) -> None:
    """Record the end of a launch whose participants' launches have ended."""
    left = sa.select(_members.c.user).where(
        (_members.c.id == launch_id) & _members.c.state.in_(LEFT)
    )
    this = (workshop_launches.c.id == launch_id) & _open
    this &= workshop_launches.c.begun_at.is_not(None) & ~sa.exists(left)
    connection.execute(workshop_launches.update().where(this).values(ended_at=time.time()))


def cancel(connection: sa.Connection, launch_id: str) -> list[str]:
    """Cancel what has not begun; returns the ids of the launches that are under way."""
    now = time.time()
    this = (workshop_launches.c.id == launch_id) & _open
    cancelled = {
        "cancelled_at": sa.func.coalesce(workshop_launches.c.cancelled_at, now),
        # without participants it has ended
        "ended_at": sa.case((workshop_launches.c.begun_at.is_(None), now), else_=None),
    }
    connection.execute(workshop_launches.update().where(this).values(cancelled))
    theirs = _members.c.id == launch_id
    waiting = theirs & (_members.c.state == "waiting")
    connection.execute(_members.update().where(waiting).values(state="cancelled"))
    begun = sa.select(_members.c.launch_id).where(theirs & (_members.c.state == "begun"))
    end_if_done(connection, launch_id)
    return list(connection.execute(begun).scalars())


def prune(connection: sa.Connection, seconds: float) -> None:
    """Delete launches that ended more than `seconds` ago, with their participants."""
    old = workshop_launches.c.ended_at < time.time() - seconds
    connection.execute(workshop_launches.delete().where(old))


# participants


def members(connection: sa.Connection, launch_id: str) -> list[Member]:
    """The participants by name, in the states that their launches are in now."""
    query = _with_launches(_members.c.id == launch_id).order_by(_members.c.user)
    return [_member(row) for row in connection.execute(query)]


def ended(connection: sa.Connection, launch_id: str) -> list[Member]:
    """The participants whose launches have ended since they began."""
    begun = (_members.c.id == launch_id) & (_members.c.state == "begun")
    is_over = launches.c.id.is_(None) | launches.c.state.in_(("done", "failed", "cancelled"))
    return [_member(row) for row in connection.execute(_with_launches(begun & is_over))]


def under_way(connection: sa.Connection) -> int:
    """How many launches are under way, of all workshops."""
    query = sa.select(sa.func.count()).where(_members.c.state == "begun")
    return connection.execute(query).scalar_one()


def waiting(connection: sa.Connection, launch_id: str, limit: int) -> list[Member]:
    """The next participants whose launches may begin now."""
    theirs = (_members.c.id == launch_id) & (_members.c.state == "waiting")
    query = sa.select(_members).where(theirs & (_members.c.not_before <= time.time()))
    order = (_members.c.attempts, _members.c.user)
    return [
        Member(row.user, row.state, row.launch_id, row.attempts, row.problem)
        for row in connection.execute(query.order_by(*order).limit(limit))
    ]


def record_begun(connection: sa.Connection, launch_id: str, user: str, begun: str) -> bool:
    """Record the launch of a participant; False if that was cancelled meanwhile."""
    values = {"state": "begun", "launch_id": begun, "problem": None}
    return _change(connection, launch_id, user, LEFT, values)


def record_end(
    connection: sa.Connection,
    launch_id: str,
    user: str,
    state: str,
    problem: Mapping[str, Any] | None = None,
) -> bool:
    """Record how it ended for a participant: done, failed or cancelled."""
    values = {"state": state, "problem": problem and dict(problem)}
    return _change(connection, launch_id, user, LEFT, values)


def try_again(
    connection: sa.Connection,
    launch_id: str,
    user: str,
    problem: Mapping[str, Any],
    not_before: float,
) -> bool:
    """Let a participant wait for the next attempt, until `not_before` at least.

    False if the launch was cancelled.
    """
    if _is_cancelled(connection, launch_id):
        return False
    values: dict[str, Any] = {"state": "waiting", "problem": dict(problem)}
    values |= {"attempts": _members.c.attempts + 1, "not_before": not_before}
    return _change(connection, launch_id, user, LEFT, values)


def _is_cancelled(connection: sa.Connection, launch_id: str) -> bool:
    """Whether it was cancelled; until the commit, nobody else can do so."""
    this = workshop_launches.c.id == launch_id
    query = sa.select(workshop_launches.c.cancelled_at).where(this).with_for_update()
    return connection.execute(query).scalar_one_or_none() is not None


def _change(
    connection: sa.Connection,
    launch_id: str,
    user: str,
    states: tuple[str, ...],
    values: Mapping[str, Any],
) -> bool:
    this = (_members.c.id == launch_id) & (_members.c.user == user)
    query = _members.update().where(this & _members.c.state.in_(states)).values(values)
    return connection.execute(query).rowcount > 0


def _with_launches(where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    now = sa.case(
        (_members.c.state != "begun", _members.c.state),
        else_=sa.func.coalesce(launches.c.state, "failed"),
    )
    reason = sa.case((_members.c.state == "begun", launches.c.problem), else_=_members.c.problem)
    return (
        sa.select(
            _members.c.user,
            now.label("state"),
            _members.c.launch_id,
            _members.c.attempts,
            sa.type_coerce(reason, sa.JSON(none_as_null=True)).label("problem"),
            launches.c.server_user,
            launches.c.server,
            launches.c.path,
        )
        .outerjoin(launches, launches.c.id == _members.c.launch_id)
        .where(where)
    )


def _member(row: "sa.Row[Any]") -> Member:
    return Member(**row._mapping)
