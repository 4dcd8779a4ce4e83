"""Events that are still to be handed to a command, a function or a webhook.

A row is written in the transaction that records its event, and deleted when it is delivered or
given up. A worker that attempts a delivery holds a lease on it: `next_at` is then the end of the
lease, after which another worker attempts it again.
"""

import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.store import locks
from launcher.store.events import hash_of
from launcher.store.tables import event_deliveries as table

# deliveries of one user that wait for one target; the oldest ones are dropped
MOST_WAITING = 100
# renewed several times within it
LEASE_SECONDS = 30.0
# of targets that are not configured any more
KEPT_SECONDS = 3 * 86_400.0
_LOCK = "event deliveries"


@dataclass(frozen=True)
class EventDelivery:
    """An event for one target."""

    id: str
    """The same in each attempt."""
    target: str
    event: dict[str, Any]
    created_at: float
    """Seconds since 1970."""
    attempts: int
    """How many were begun, this one included."""


_ROW = table.c
_COLUMNS = [_ROW[name] for name in EventDelivery.__dataclass_fields__]


def put(connection: sa.Connection, targets: Iterable[str], event: Mapping[str, Any]) -> int:
    """Store an event for each target; returns how many old deliveries were dropped for it.

    It takes the place of an event of the same type, user and path that waits for its first attempt.
    """
    locks.acquire(connection, _LOCK)
    return sum(_put(connection, target, event) for target in targets)


def _put(connection: sa.Connection, target: str, event: Mapping[str, Any]) -> int:
    key = {"target": target, "user": event["user"], "type": event["type"]}
    key["path_hash"] = hash_of(event["path"])
    values = {"event": dict(event), "created_at": (now := time.time())}
    same = [_ROW[name] == value for name, value in key.items()]
    merge = table.update().where(_ROW.attempts == 0, *same).values(values)
    if connection.execute(merge).rowcount:
        return 0
    row = {**key, **values, "id": uuid.uuid4().hex, "attempts": 0, "next_at": now}
    connection.execute(table.insert().values(row))
    waiting = (_ROW.user == event["user"]) & (_ROW.target == target) & _ROW.worker_id.is_(None)
    kept = sa.select(_ROW.id).where(waiting).order_by(_ROW.created_at.desc()).limit(MOST_WAITING)
    return connection.execute(table.delete().where(waiting, _ROW.id.not_in(kept))).rowcount


def are_due(connection: sa.Connection, targets: Collection[str]) -> bool:
    """Whether a delivery to one of these targets may be attempted now."""
    due = sa.select(_ROW.id).where(_ROW.target.in_(targets), _ROW.next_at <= time.time())
    return connection.execute(due.limit(1)).first() is not None


def claim(
    connection: sa.Connection, worker_id: str, wanted: Mapping[str, int]
) -> list[EventDelivery]:
    """Give a worker the deliveries that are due, at most so many for each target.

    Users take turns. Of a type, user and path, there is one attempt at a time for each target.
    """
    locks.acquire(connection, _LOCK)
    found: list[EventDelivery] = []
    for target, most in wanted.items():
        ids = _due(connection, target, most)
        lease = {"worker_id": worker_id, "next_at": time.time() + LEASE_SECONDS}
        values = {**lease, "attempts": _ROW.attempts + 1}
        update = table.update().where(_ROW.id.in_(ids)).values(values).returning(*_COLUMNS)
        found += (EventDelivery(**row._mapping) for row in connection.execute(update))
    return found


def _due(connection: sa.Connection, target: str, most: int) -> list[str]:
    now, other = time.time(), table.alias()
    attempted = (other.c.target == target) & (other.c.next_at > now)
    attempted &= other.c.worker_id.is_not(None)
    for name in ("user", "type", "path_hash"):
        attempted &= other.c[name] == _ROW[name]
    turn = sa.func.row_number().over(partition_by=_ROW.user, order_by=(_ROW.next_at, _ROW.id))
    due = sa.select(_ROW.id, _ROW.user, _ROW.type, _ROW.path_hash).where(
        _ROW.target == target, _ROW.next_at <= now, ~sa.exists().where(attempted)
    )
    query = due.order_by(turn, _ROW.next_at).limit(10 * most)
    first: dict[tuple[str, str, str], str] = {}
    for row in connection.execute(query):
        first.setdefault((row.user, row.type, row.path_hash), row.id)
    return list(first.values())[:most]


def renew(connection: sa.Connection, worker_id: str) -> None:
    """Renew the leases of a worker."""
    lease = {"next_at": time.time() + LEASE_SECONDS}
    connection.execute(table.update().where(_ROW.worker_id == worker_id).values(lease))


def remove(connection: sa.Connection, delivery_id: str) -> None:
    """Delete a delivery: it is done, or given up."""
    connection.execute(table.delete().where(_ROW.id == delivery_id))


def retry(connection: sa.Connection, delivery_id: str, worker_id: str, next_at: float) -> None:
    """End the attempt of a worker: the next one is at that time, in seconds since 1970."""
    mine = (_ROW.id == delivery_id) & (_ROW.worker_id == worker_id)
    connection.execute(table.update().where(mine).values(worker_id=None, next_at=next_at))


def release(connection: sa.Connection, worker_id: str) -> None:
    """End all attempts of a worker: others make them again at once."""
    again = {"worker_id": None, "next_at": time.time()}
    connection.execute(table.update().where(_ROW.worker_id == worker_id).values(again))


def withdraw(connection: sa.Connection, user: str, path: str) -> None:
    """Delete the deliveries of a user's notebook."""
    here = (_ROW.user == user) & (_ROW.path_hash == hash_of(path))
    connection.execute(table.delete().where(here))


def prune(connection: sa.Connection) -> None:
    """Delete deliveries that nobody attempts any more, such as of a webhook that was removed."""
    connection.execute(table.delete().where(_ROW.created_at < time.time() - KEPT_SECONDS))
