"""Changes of entrypoints and selections: each function is one unit of work, in one transaction.

The changes of one user run one after another, also those of different processes.
"""

from dataclasses import replace

import sqlalchemy as sa

from launcher.entrypoints import checks
from launcher.entrypoints.model import Entrypoint
from launcher.entrypoints.offers import is_option
from launcher.errors import (
    EntrypointChanged,
    EntrypointExists,
    NotFound,
    TooManyEntrypoints,
)
from launcher.store import entrypoints as rows
from launcher.store.entrypoints import EntrypointRow

MOST_PER_USER = 200


def entrypoint_of(row: EntrypointRow) -> Entrypoint:
    """The entrypoint of a row."""
    return Entrypoint(
        id=row.id,
        user=row.user,
        name=row.name,
        type=row.type,
        data=row.data,
        systems=row.systems,
    )


def _row_of(entrypoint: Entrypoint) -> EntrypointRow:
    return EntrypointRow(**vars(entrypoint))


def check_room(connection: sa.Connection, user: str, name: str) -> None:
    """Raise EntrypointExists or TooManyEntrypoints if the user cannot add one with that name."""
    check_free(connection, user, name)
    if rows.count(connection, user) >= MOST_PER_USER:
        raise TooManyEntrypoints(
            f"This user has {MOST_PER_USER} entrypoints, which is the limit. Remove one first."
        )


def check_free(connection: sa.Connection, user: str, name: str, this: str = "") -> None:
    """Raise EntrypointExists if an entrypoint of the user other than `this` has the name."""
    other = rows.find_named(connection, user, name)
    if other and other.id != this:
        raise EntrypointExists(
            f"There is already an entrypoint {checks.shown(name)} of the type {other.type}. Use"
            " another name, or rename that one."
        )


def add(connection: sa.Connection, entrypoint: Entrypoint) -> None:
    """Store a new entrypoint; raises as `check_room`."""
    rows.lock(connection, entrypoint.user)
    check_room(connection, entrypoint.user, entrypoint.name)
    rows.insert(connection, _row_of(entrypoint))


def edit(connection: sa.Connection, changed: Entrypoint, before: Entrypoint) -> None:
    """Store another name, other data or other systems of an entrypoint.

    Raises NotFound, EntrypointExists, or EntrypointChanged if it is not as it was `before`.
    """
    rows.lock(connection, changed.user)
    row = find_by_id(connection, changed.user, changed.id)
    if entrypoint_of(row) != before:
        raise EntrypointChanged(
            f"The entrypoint {checks.shown(before.name)} was changed by another request. Load it"
            " again, then repeat the change."
        )
    check_free(connection, changed.user, changed.name, this=changed.id)
    new = replace(row, name=changed.name, data=changed.data, systems=changed.systems)
    rows.update(connection, new, row)


def remove(connection: sa.Connection, user: str, entrypoint_id: str) -> None:
    """Remove an entrypoint and its selections; raises NotFound."""
    rows.lock(connection, user)
    if not rows.delete(connection, user, entrypoint_id):
        raise _unknown(connection, user, entrypoint_id)


def select(connection: sa.Connection, user: str, entrypoint_id: str, system: str) -> Entrypoint:
    """Select an entrypoint that the user has; raises NotFound or NotOnSystem."""
    rows.lock(connection, user)
    row = find_by_id(connection, user, entrypoint_id)
    if system not in row.systems:
        raise checks.not_on(entrypoint_of(row), system)
    _unselect(connection, user, system, but=row.id)
    rows.select(connection, user, system, row.id)
    return entrypoint_of(row)


def select_option(connection: sa.Connection, option: Entrypoint, system: str) -> Entrypoint:
    """Store an option, and select it; raises EntrypointExists."""
    user = option.user
    rows.lock(connection, user)
    _unselect(connection, user, system, but=option.id)
    row = rows.find(connection, user, option.id)
    if row is None:
        check_free(connection, user, option.name)
        row = rows.insert(connection, replace(_row_of(option), systems=(system,)))
    else:
        new = replace(row, data=option.data, systems=(*row.systems, system))
        row = rows.update(connection, new, row)
    rows.select(connection, user, system, row.id)
    return entrypoint_of(row)


def clear(connection: sa.Connection, user: str, system: str) -> bool:
    """Clear the selection; whether there was one."""
    rows.lock(connection, user)
    return _unselect(connection, user, system)


def _unselect(connection: sa.Connection, user: str, system: str, but: str = "") -> bool:
    """Clear the selection unless it is `but`; an option that is selected nowhere is not kept."""
    row = rows.selected(connection, user, system)
    if row is None or row.id == but:
        return False
    if not is_option(entrypoint_of(row)):
        rows.clear(connection, user, system)
    elif row.systems == (system,):
        rows.delete(connection, user, row.id)
    else:
        rows.remove_system(connection, row, system)
    return True


def find(connection: sa.Connection, user: str, id_or_name: str) -> EntrypointRow:
    """The user's entrypoint with that id or name; raises NotFound."""
    row = find_or_none(connection, user, id_or_name)
    if row is None:
        raise _unknown(connection, user, id_or_name)
    return row


def find_by_id(connection: sa.Connection, user: str, entrypoint_id: str) -> EntrypointRow:
    """The user's entrypoint with that id, never one with that name; raises NotFound."""
    row = rows.find(connection, user, entrypoint_id) if checks.is_id(entrypoint_id) else None
    if row is None:
        raise _unknown(connection, user, entrypoint_id)
    return row


def find_or_none(connection: sa.Connection, user: str, id_or_name: str) -> EntrypointRow | None:
    """The user's entrypoint with that id or name."""
    if checks.is_id(id_or_name) and (row := rows.find(connection, user, id_or_name)):
        return row
    name = checks.normalized(id_or_name)
    return rows.find_named(connection, user, name) if checks.is_storable(name) else None


def _unknown(connection: sa.Connection, user: str, id_or_name: str) -> NotFound:
    names = [row.name for row in rows.of_user(connection, user)]
    return checks.not_found("entrypoint", id_or_name, names)
