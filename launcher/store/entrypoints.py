"""Entrypoints of users as rows, and which one each user selected on each system.

The foreign keys of the tables allow a selection only of an entrypoint of that user on that system,
and remove it with the entrypoint or its system.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from launcher.store import locks
from launcher.store.tables import entrypoint_selections as selections
from launcher.store.tables import entrypoint_systems, entrypoints


@dataclass(frozen=True)
class EntrypointRow:
    """An entrypoint, as it is stored."""

    id: str
    user: str
    name: str
    type: str
    data: Mapping[str, Any]
    systems: tuple[str, ...]
    """Their names, sorted."""
    created_at: float = 0.0
    updated_at: float = 0.0


_COLUMNS = entrypoints.c.keys()
# prepared once: building a statement costs more than running it
_ROWS = (
    sa.select(*entrypoints.c, entrypoint_systems.c.system)
    .outerjoin(entrypoint_systems, entrypoint_systems.c.entrypoint == entrypoints.c.id)
    .where(entrypoints.c.user == sa.bindparam("whose"))
    .order_by(entrypoints.c.id)
)
_FIND = _ROWS.where(entrypoints.c.id == sa.bindparam("this"))
_FIND_NAMED = _ROWS.where(entrypoints.c.name == sa.bindparam("called"))
_HERE = (selections.c.user == sa.bindparam("whose")) & (
    selections.c.system == sa.bindparam("where")
)
_SELECTED = _ROWS.where(
    entrypoints.c.id == sa.select(selections.c.entrypoint).where(_HERE).scalar_subquery()
)
_SELECTIONS = (
    _ROWS.add_columns(selections.c.system.label("selected_on"))
    .join(
        selections,
        (selections.c.entrypoint == entrypoints.c.id) & (selections.c.user == entrypoints.c.user),
    )
    .order_by(None)
    .order_by(selections.c.system)
)
_COUNT = sa.select(sa.func.count(entrypoints.c.id)).where(
    entrypoints.c.user == sa.bindparam("whose")
)
_SELECT = sa.text(
    'INSERT INTO entrypoint_selections ("user", system, entrypoint, selected_at)'
    ' VALUES (:whose, :where, :this, :now) ON CONFLICT ("user", system)'
    " DO UPDATE SET entrypoint = :this, selected_at = :now"
)
_CLEAR = selections.delete().where(_HERE)
_THIS = (entrypoints.c.id == sa.bindparam("this")) & (entrypoints.c.user == sa.bindparam("whose"))
_DELETE = entrypoints.delete().where(_THIS)


def lock(connection: sa.Connection, user: str) -> None:
    """Let no other transaction change entrypoints or selections of the user until this one ends."""
    locks.acquire(connection, f"entrypoints of {user}")


def insert(connection: sa.Connection, row: EntrypointRow) -> EntrypointRow:
    """Store a new entrypoint."""
    now = time.time()
    row = replace(row, systems=_sorted(row.systems), created_at=now, updated_at=now)
    columns = {name: value for name, value in vars(row).items() if name != "systems"}
    connection.execute(entrypoints.insert().values(columns))
    add_systems(connection, row, row.systems)
    return row


def update(connection: sa.Connection, row: EntrypointRow, was: EntrypointRow) -> EntrypointRow:
    """Store another name, other data or systems; a selection on a system that stays is kept."""
    row = replace(row, systems=_sorted(row.systems), updated_at=time.time())
    values = {"name": row.name, "data": row.data, "updated_at": row.updated_at}
    here = {"this": row.id, "whose": row.user}
    connection.execute(entrypoints.update().where(_THIS).values(values), here)
    add_systems(connection, row, set(row.systems) - set(was.systems))
    for system in set(was.systems) - set(row.systems):
        remove_system(connection, row, system)
    return row


def add_systems(connection: sa.Connection, row: EntrypointRow, systems: Iterable[str]) -> None:
    """Put an entrypoint on systems that it is not on."""
    key = {"entrypoint": row.id, "user": row.user}
    if rows := [{**key, "system": system} for system in systems]:
        connection.execute(entrypoint_systems.insert(), rows)


def remove_system(connection: sa.Connection, row: EntrypointRow, system: str) -> None:
    """Take an entrypoint off a system, and with that its selection there."""
    columns = entrypoint_systems.c
    here = (columns.entrypoint == row.id) & (columns.user == row.user) & (columns.system == system)
    connection.execute(entrypoint_systems.delete().where(here))


def delete(connection: sa.Connection, user: str, entrypoint_id: str) -> bool:
    """Delete an entrypoint and its selections; whether the user had it."""
    return bool(connection.execute(_DELETE, {"this": entrypoint_id, "whose": user}).rowcount)


def find(connection: sa.Connection, user: str, entrypoint_id: str) -> EntrypointRow | None:
    """The user's entrypoint with that id."""
    return _one(connection.execute(_FIND, {"whose": user, "this": entrypoint_id}))


def find_named(connection: sa.Connection, user: str, name: str) -> EntrypointRow | None:
    """The user's entrypoint with that name."""
    return _one(connection.execute(_FIND_NAMED, {"whose": user, "called": name}))


def of_user(connection: sa.Connection, user: str) -> list[EntrypointRow]:
    """All entrypoints of the user, by name."""
    rows = _grouped(connection.execute(_ROWS, {"whose": user}))
    return sorted(rows, key=lambda row: (row.name.casefold(), row.name))


def count(connection: sa.Connection, user: str) -> int:
    """How many entrypoints the user has."""
    return int(connection.execute(_COUNT, {"whose": user}).scalar_one())


def select(connection: sa.Connection, user: str, system: str, entrypoint_id: str) -> None:
    """Select an entrypoint on a system, in place of the one that was selected there.

    It must be the user's, and on that system.
    """
    values = {"whose": user, "where": system, "this": entrypoint_id, "now": time.time()}
    connection.execute(_SELECT, values)


def clear(connection: sa.Connection, user: str, system: str) -> bool:
    """Clear the user's selection on a system; whether there was one."""
    return bool(connection.execute(_CLEAR, {"whose": user, "where": system}).rowcount)


def selected(connection: sa.Connection, user: str, system: str) -> EntrypointRow | None:
    """The entrypoint that the user selected on a system."""
    return _one(connection.execute(_SELECTED, {"whose": user, "where": system}))


def selections_of(connection: sa.Connection, user: str) -> dict[str, EntrypointRow]:
    """The entrypoints that the user selected, by system."""
    found = connection.execute(_SELECTIONS, {"whose": user})
    groups = groupby(found, key=lambda row: row.selected_on)
    return {system: _entrypoint(list(group)) for system, group in groups}


def _sorted(systems: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(set(systems)))


def _one(rows: Iterable[sa.Row[Any]]) -> EntrypointRow | None:
    return next(iter(_grouped(rows)), None)


def _grouped(rows: Iterable[sa.Row[Any]]) -> list[EntrypointRow]:
    """The entrypoints, from one row for each of their systems."""
    return [_entrypoint(list(group)) for _, group in groupby(rows, key=lambda row: row.id)]


def _entrypoint(rows: list[sa.Row[Any]]) -> EntrypointRow:
    columns = {name: rows[0]._mapping[name] for name in _COLUMNS}
    systems = _sorted([row.system for row in rows if row.system is not None])
    return EntrypointRow(**columns, systems=systems)
