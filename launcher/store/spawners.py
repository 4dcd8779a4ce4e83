"""The spawners that start servers on the systems, as the hub's spawn hook said last."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.store.tables import spawners


@dataclass(frozen=True)
class Spawner:
    """A spawner, and the fields of a specification that it can apply."""

    spawner: str
    """Its class, with the module."""
    fields: tuple[str, ...]


_PUT = sa.text(
    "INSERT INTO spawners (system, spawner, fields, seen_at)"
    " VALUES (:system, :spawner, :fields, :now) ON CONFLICT (system)"
    " DO UPDATE SET spawner = :spawner, fields = :fields, seen_at = :now"
).bindparams(sa.bindparam("fields", type_=sa.JSON))
_ALL = spawners.select().limit(2)
_FIND = spawners.select().where(spawners.c.system == sa.bindparam("this"))


def put(connection: sa.Connection, system: str, spawner: str, fields: Sequence[str]) -> None:
    """Record the spawner of a system."""
    row = {"system": system, "spawner": spawner, "fields": list(fields), "now": time.time()}
    connection.execute(_PUT, row)


def find(connection: sa.Connection, system: str) -> Spawner | None:
    """The spawner of a system; None if no server was started there with the hook."""
    row = connection.execute(_FIND, {"this": system}).one_or_none()
    return Spawner(row.spawner, tuple(row.fields)) if row else None


def find_only(connection: sa.Connection) -> Spawner | None:
    """The spawner of the only system that is known; None if there are more, or none."""
    rows = connection.execute(_ALL).all()
    return Spawner(rows[0].spawner, tuple(rows[0].fields)) if len(rows) == 1 else None
