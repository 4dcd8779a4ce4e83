"""The notebooks that participants saved, each with its last save."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.store.tables import events, saved_notebooks

_LATER = saved_notebooks.alias("later")


@dataclass(frozen=True)
class TrackedRow:
    """A notebook of a participant, and its last save."""

    id: int
    """That of its event."""
    user: str
    path: str
    filename: str
    at: int
    """The time of the save, in microseconds since 1970, UTC."""
    save: int | None
    """None if the save is not kept any more."""
    size: int
    """Of the file, in bytes."""
    has_content: bool
    statistics: dict[str, Any] | None
    """None: not counted yet."""


@dataclass(frozen=True)
class Selection:
    """Which notebooks are asked for; None: all of them."""

    type: str
    """Of the events that make a notebook known."""
    users: Collection[str] | None = None
    patterns: Sequence[str] | None = None
    """Of filenames, with * and ?."""
    since: int | None = None
    """Saves before are left out; microseconds since 1970."""
    until: int | None = None
    most_of_user: int | None = None
    """So many notebooks of each user, those that were saved last."""


def select(connection: sa.Connection, wanted: Selection, limit: int) -> list[TrackedRow]:
    """The notebooks, each with its last save at the times asked for.

    Those that were saved last come first; at most `limit`.
    """
    event, save = events.c, saved_notebooks.c
    last = (
        sa.select(sa.func.max(_LATER.c.at))
        .where(_LATER.c.user == event.user, _LATER.c.path_hash == event.path_hash)
        .where(*_within(_LATER.c.at, wanted))
        .scalar_subquery()
    )
    of_event = (save.user == event.user) & (save.path_hash == event.path_hash) & (save.at == last)
    at = sa.func.coalesce(save.at, event.at)
    query = (
        sa.select(
            *(event.id, event.user, event.path, event.filename),
            *(at.label("at"), save.id.label("save"), sa.func.coalesce(save.size, 0).label("size")),
            save.content.is_not(None).label("has_content"),
            save.statistics,
        )
        .select_from(events.outerjoin(saved_notebooks, of_event))
        .where(event.type == wanted.type, *_within(at, wanted))
    )
    if wanted.users is not None:
        query = query.where(event.user.in_(wanted.users))
    if wanted.patterns is not None:
        query = query.where(sa.or_(sa.false(), *_like(wanted.patterns)))
    newest = sa.func.row_number().over(partition_by=event.user, order_by=(at.desc(), event.id))
    numbered = query.add_columns(newest.label("number")).subquery()
    rows = sa.select(*(numbered.c[name] for name in TrackedRow.__dataclass_fields__))
    if wanted.most_of_user is not None:
        rows = rows.where(numbered.c.number <= wanted.most_of_user)
    rows = rows.order_by(numbered.c.at.desc(), numbered.c.id).limit(limit)
    return [TrackedRow(**row._mapping) for row in connection.execute(rows)]


def _within(at: "sa.ColumnElement[Any]", wanted: Selection) -> list[sa.ColumnElement[bool]]:
    since = [] if wanted.since is None else [at >= wanted.since]
    return since + ([] if wanted.until is None else [at <= wanted.until])


def _like(patterns: Iterable[str]) -> list[sa.ColumnElement[bool]]:
    """Conditions that hold for all filenames that match, and perhaps for others.

    The operator LIKE of SQLite ignores the case of letters.
    """
    return [
        events.c.filename.like(_escaped(text), escape="/") if {"*", "?"} & {*text}
        else events.c.filename == text
        for text in patterns
    ]  # fmt: skip


def _escaped(pattern: str) -> str:
    for special in "%_":  # a filename has no /
        pattern = pattern.replace(special, f"/{special}")
    return pattern.replace("*", "%").replace("?", "_")
