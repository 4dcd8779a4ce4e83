"""The saves of participants' notebooks, a bounded number of each."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from launcher.store.events import MICROSECONDS, hash_of
from launcher.store.tables import saved_notebooks


@dataclass(frozen=True)
class Save:
    """A notebook as it was saved at a time, without its content."""

    id: int
    user: str
    path: str
    at: int
    """Microseconds since 1970, UTC."""
    size: int
    """Of the file, in bytes."""
    content_hash: str = field(repr=False)
    has_content: bool = True
    """Whether the content was sent: it may have been too large."""

    @property
    def seconds(self) -> float:
        """The time of the save, in seconds since 1970."""
        return self.at / MICROSECONDS


_ROW = saved_notebooks.c
_COLUMNS = [
    *(_ROW[name] for name in ("id", "user", "path", "at", "size", "content_hash")),
    _ROW.content.is_not(None).label("has_content"),
]
_PUT = sa.text(
    'INSERT INTO saved_notebooks ("user", path, path_hash, at, content_hash, content, size,'
    " received_at) VALUES (:user, :path, :path_hash, :at, :content_hash, :content, :size,"
    ' :received_at) ON CONFLICT ("user", path_hash, at) DO NOTHING RETURNING id'
)


def put(
    connection: sa.Connection,
    *,
    user: str,
    path: str,
    at: int,
    content_hash: str,
    content: bytes | None,
    size: int,
    most: int,
    most_bytes: int,
) -> int | None:
    """Store a save, and delete the oldest ones beyond what is kept.

    Of one notebook, `most` saves are kept; of one user, saves of `most_bytes` in all. Returns the
    save's id, None if there is one of the same time.
    """
    row = {"user": user, "path": path, "path_hash": hash_of(path), "at": at, "size": size}
    row |= {"content_hash": content_hash, "content": content, "received_at": time.time()}
    save_id: int | None = connection.execute(_PUT, row).scalar()
    oldest = sa.select(_ROW.id).where(*_of(user, path)).order_by(_ROW.at.desc()).offset(most)
    connection.execute(saved_notebooks.delete().where(_ROW.id.in_(oldest)))
    bytes_since = sa.func.sum(sa.func.length(_ROW.content)).over(
        order_by=(_ROW.received_at.desc(), _ROW.id.desc())
    )
    sums = sa.select(_ROW.id, bytes_since.label("bytes")).where(_ROW.user == user).subquery()
    beyond = sa.select(sums.c.id).where(sums.c.bytes > most_bytes)
    connection.execute(saved_notebooks.delete().where(_ROW.id.in_(beyond)))
    return save_id


def of_notebook(connection: sa.Connection, user: str, path: str) -> list[Save]:
    """The saves of a notebook, the last one first."""
    query = sa.select(*_COLUMNS).where(*_of(user, path))
    return _saves(connection, query.order_by(_ROW.at.desc()))


def find(connection: sa.Connection, save_id: int) -> Save | None:
    """The save with that id."""
    return next(iter(_saves(connection, sa.select(*_COLUMNS).where(_ROW.id == save_id))), None)


def uncounted(
    connection: sa.Connection, received_before: float, limit: int, of_one: int
) -> list[Save]:
    """Saves without statistics that were received before that time.

    They are the last ones, and at most `of_one` of each user.
    """
    place = sa.func.row_number().over(partition_by=_ROW.user, order_by=_ROW.id.desc())
    ranked = sa.select(_ROW.id, place.label("place")).where(
        _ROW.statistics.is_(sa.null()),
        _ROW.content.is_not(None),
        _ROW.received_at < received_before,
    )
    found = ranked.subquery()
    first = sa.select(found.c.id).where(found.c.place <= of_one)
    chosen = first.order_by(found.c.place, found.c.id.desc()).limit(limit)
    query = sa.select(*_COLUMNS).where(_ROW.id.in_(chosen))
    return _saves(connection, query.order_by(_ROW.id.desc()))


def set_statistics(connection: sa.Connection, save_id: int, statistics: Mapping[str, Any]) -> None:
    """Store what was counted in a save."""
    query = saved_notebooks.update().where(_ROW.id == save_id)
    connection.execute(query.values(statistics=dict(statistics)))


def content(connection: sa.Connection, save_id: int) -> bytes | None:
    """The content of a save: gzip of the file."""
    return connection.execute(sa.select(_ROW.content).where(_ROW.id == save_id)).scalar()


def remove(
    connection: sa.Connection, user: str, path: str, *, received_before: float = math.inf
) -> None:
    """Delete the saves of a notebook that were received before a time, by default all."""
    old = [] if received_before == math.inf else [_ROW.received_at < received_before]
    connection.execute(saved_notebooks.delete().where(*_of(user, path), *old))


def prune(connection: sa.Connection, seconds: float) -> None:
    """Delete saves that were received more than `seconds` ago."""
    old = _ROW.received_at < time.time() - seconds
    connection.execute(saved_notebooks.delete().where(old))


def _of(user: str, path: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _ROW.user == user, _ROW.path_hash == hash_of(path)


def _saves(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Save]:
    return [Save(**row._mapping) for row in connection.execute(query)]
