"""Workshops: which notebooks of whom a teacher follows, and when."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from launcher.store.tables import workshops


@dataclass(frozen=True)
class Workshop:
    """A workshop as it is stored."""

    name: str
    title: str
    notebooks: tuple[str, ...]
    """Filenames, or patterns of filenames with * and ?."""
    group: str | None
    """Of the hub, whose members take part."""
    users: tuple[str, ...]
    """Who take part beside the members of the group."""
    starts: float | None
    """Seconds since 1970, UTC; None: no saves are too old."""
    ends: float | None
    retention_days: int | None
    """None: as the site says."""
    created_by: str
    created_at: float = 0.0
    updated_at: float = 0.0


_COLUMNS = [workshops.c[name] for name in Workshop.__dataclass_fields__]
_KEPT = ("created_by", "created_at")


def insert(connection: sa.Connection, workshop: Workshop, most: int) -> bool:
    """Store a new workshop; False if its name is in use, or there are `most` already."""
    if connection.execute(sa.select(sa.func.count()).select_from(workshops)).scalar_one() >= most:
        return False
    if find(connection, workshop.name):
        return False
    now = time.time()
    row = {**_row(workshop), "created_at": now, "updated_at": now}
    connection.execute(workshops.insert().values(row))
    return True


def replace(connection: sa.Connection, workshop: Workshop) -> bool:
    """Change a workshop; False if there is none with its name. Who created it stays."""
    row = {name: value for name, value in _row(workshop).items() if name not in _KEPT}
    row["updated_at"] = time.time()
    this = workshops.c.name == workshop.name
    return connection.execute(workshops.update().where(this).values(row)).rowcount > 0


def find(connection: sa.Connection, name: str) -> Workshop | None:
    """The workshop with that name."""
    row = connection.execute(sa.select(*_COLUMNS).where(workshops.c.name == name)).first()
    return _workshop(row) if row else None


def lock(connection: sa.Connection, name: str) -> bool:
    """Keep the workshop as it is until the commit, and others who lock it waiting.

    False if there is none with that name.
    """
    query = sa.select(workshops.c.name).where(workshops.c.name == name).with_for_update()
    return connection.execute(query).first() is not None


def find_all(connection: sa.Connection) -> list[Workshop]:
    """All workshops: those that start last first, then by name."""
    query = sa.select(*_COLUMNS)
    order = (sa.func.coalesce(workshops.c.starts, workshops.c.created_at).desc(), workshops.c.name)
    return [_workshop(row) for row in connection.execute(query.order_by(*order))]


def remove(connection: sa.Connection, name: str) -> bool:
    """Delete a workshop, not what participants saved; False if there is none with that name."""
    query = workshops.delete().where(workshops.c.name == name)
    return connection.execute(query).rowcount > 0


def _row(workshop: Workshop) -> dict[str, Any]:
    lists = {"notebooks": list(workshop.notebooks), "users": list(workshop.users)}
    return {**asdict(workshop), **lists}


def _workshop(row: "sa.Row[Any]") -> Workshop:
    fields = dict(row._mapping)
    lists = {name: tuple(fields[name]) for name in ("notebooks", "users")}
    return Workshop(**{**fields, **lists})
