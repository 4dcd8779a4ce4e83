"""The events of participants' notebooks: one row for each type, user and path."""

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.store.tables import event_sequence, events

# in a second
MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class StoredEvent:
    """An event as it is stored."""

    id: int
    seq: int
    """The number of its last change; it rises over all events."""
    type: str
    user: str
    filename: str
    path: str
    at: int
    """Microseconds since 1970, UTC."""


def hash_of(path: str) -> str:
    """The hash under which a path is stored."""
    return hashlib.sha256(path.encode("utf-8")).hexdigest()


_NEXT = event_sequence.update().values(seq=event_sequence.c.seq + 1).returning(event_sequence.c.seq)
_LAST = sa.select(event_sequence.c.seq)
# a report that arrives late does not turn the event back
_PUT = sa.text(
    'INSERT INTO events (seq, type, "user", filename, path, path_hash, at, received_at)'
    " VALUES (:seq, :type, :user, :filename, :path, :path_hash, :at, :received_at)"
    ' ON CONFLICT (type, "user", path_hash) DO UPDATE'
    " SET seq = :seq, at = :at, received_at = :received_at WHERE events.at <= :at"
)
_COLUMNS = [events.c[name] for name in StoredEvent.__dataclass_fields__]
_FIND = sa.select(*_COLUMNS).where(
    (events.c.type == sa.bindparam("kind"))
    & (events.c.user == sa.bindparam("whose"))
    & (events.c.path_hash == sa.bindparam("key"))
)
_COUNT = sa.select(sa.func.count()).where(events.c.user == sa.bindparam("whose"))


def put(
    connection: sa.Connection, *, type: str, user: str, filename: str, path: str, at: int, most: int
) -> StoredEvent | None:
    """Store an event, in place of an earlier one of the same type, user and path.

    Returns None if the user would have more than `most`.
    """
    seq = connection.execute(_NEXT).scalar_one()
    key = {"kind": type, "whose": user, "key": hash_of(path)}
    if (
        connection.execute(_FIND, key).first() is None
        and connection.execute(_COUNT, {"whose": user}).scalar_one() >= most
    ):
        return None
    row = {"type": type, "user": user, "filename": filename, "path": path, "at": at, "seq": seq}
    connection.execute(_PUT, {**row, "path_hash": key["key"], "received_at": time.time()})
    return StoredEvent(**connection.execute(_FIND, key).one()._mapping)


def find(connection: sa.Connection, event_id: int) -> StoredEvent | None:
    """The event with that id."""
    row = connection.execute(sa.select(*_COLUMNS).where(events.c.id == event_id)).first()
    return StoredEvent(**row._mapping) if row else None


def select(
    connection: sa.Connection,
    equal: Mapping[str, Any],
    *,
    later_than: int | None = None,
    after_id: int = 0,
    limit: int,
) -> list[StoredEvent]:
    """Events whose columns have these values, in the order in which they arrived first.

    `later_than` is in microseconds since 1970.
    """
    query = sa.select(*_COLUMNS).where(events.c.id > after_id, *_are(equal))
    if later_than is not None:
        query = query.where(events.c.at > later_than)
    return _events(connection.execute(query.order_by(events.c.id).limit(limit)))


def changed_since(
    connection: sa.Connection, seq: int, equal: Mapping[str, Any], limit: int
) -> list[StoredEvent]:
    """Events that changed after the change `seq`, in the order of their last changes."""
    query = sa.select(*_COLUMNS).where(events.c.seq > seq, *_are(equal))
    return _events(connection.execute(query.order_by(events.c.seq).limit(limit)))


def last_change(connection: sa.Connection) -> int:
    """The number of the last change of any event."""
    return int(connection.execute(_LAST).scalar_one())


def remove(
    connection: sa.Connection, user: str, path: str, *, received_before: float = math.inf
) -> None:
    """Delete the events of a user's notebook that were received before a time, by default all."""
    here = (events.c.user == user) & (events.c.path_hash == hash_of(path))
    if received_before != math.inf:
        here &= events.c.received_at < received_before
    connection.execute(events.delete().where(here))


def prune(connection: sa.Connection, seconds: float) -> None:
    """Delete events that were received more than `seconds` ago."""
    old = events.c.received_at < time.time() - seconds
    connection.execute(events.delete().where(old))


def _are(equal: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    found = []
    for name, value in equal.items():
        if name == "path":  # it has an index by its hash
            found.append(events.c.path_hash == hash_of(value))
        else:
            found.append(events.c[name] == value)
    return found


def _events(rows: sa.CursorResult[Any]) -> list[StoredEvent]:
    return [StoredEvent(**row._mapping) for row in rows]
