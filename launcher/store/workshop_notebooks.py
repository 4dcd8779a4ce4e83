"""The notebooks that teachers give to the participants of a workshop."""

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.errors import NotFound, TooLarge, TooManyRequests
from launcher.store import workshops
from launcher.store.tables import workshop_notebooks as table

MEBIBYTE = 2**20
# when somebody may try again who published too many: they remove some
FULL_SECONDS = 3600


@dataclass(frozen=True)
class PublishedNotebook:
    """A notebook of a workshop; it is the same version as long as `content_hash` is."""

    workshop: str
    filename: str
    content_hash: str
    code_cells: int | None
    """Empty ones included; None: not known."""
    published_by: str
    published_at: float = 0.0
    """Seconds since 1970, UTC."""


_COLUMNS = [table.c[name] for name in PublishedNotebook.__dataclass_fields__]


def put(
    connection: sa.Connection,
    notebook: PublishedNotebook,
    content: str,
    *,
    most: int,
    most_bytes: int,
) -> PublishedNotebook:
    """Store a notebook in place of an earlier one with its name.

    Raises TooManyRequests, TooLarge if the workshop has too many notebooks, or too many bytes, and
    NotFound if there is no such workshop.
    """
    if not workshops.lock(connection, notebook.workshop):
        raise NotFound("There is no such workshop any more.")
    others = (table.c.workshop == notebook.workshop) & (table.c.filename != notebook.filename)
    size = sa.func.coalesce(sa.func.sum(sa.func.length(table.c.content)), 0)
    number, stored = connection.execute(sa.select(sa.func.count(), size).where(others)).one()
    if number >= most:
        raise TooManyRequests(
            f"The workshop has {number} notebooks, which is the limit. Remove one first.",
            retry_after=FULL_SECONDS,
        )
    if stored + len(content) > most_bytes:
        raise TooLarge(
            f"The notebooks of a workshop may have {most_bytes // MEBIBYTE} MiB together. Remove"
            " one first."
        )
    row: dict[str, Any] = {**vars(notebook), "content": content, "published_at": time.time()}
    remove(connection, notebook.workshop, notebook.filename)
    connection.execute(table.insert().values(row))
    return PublishedNotebook(**{name: row[name] for name in PublishedNotebook.__dataclass_fields__})


def find(connection: sa.Connection, workshop: str, filename: str) -> PublishedNotebook | None:
    """The notebook with that name, without its content."""
    row = connection.execute(sa.select(*_COLUMNS).where(_this(workshop, filename))).first()
    return PublishedNotebook(**row._mapping) if row else None


def content(connection: sa.Connection, workshop: str, filename: str) -> str | None:
    """The notebook with that name, as JSON."""
    query = sa.select(table.c.content).where(_this(workshop, filename))
    return connection.execute(query).scalar_one_or_none()


def size(connection: sa.Connection, workshop: str, filename: str) -> int | None:
    """How many characters the notebook with that name has."""
    query = sa.select(sa.func.length(table.c.content)).where(_this(workshop, filename))
    return connection.execute(query).scalar_one_or_none()


def find_all(connection: sa.Connection, workshop: str) -> list[PublishedNotebook]:
    """The notebooks of a workshop, without their contents, by name."""
    query = sa.select(*_COLUMNS).where(table.c.workshop == workshop).order_by(table.c.filename)
    return [PublishedNotebook(**row._mapping) for row in connection.execute(query)]


def remove(connection: sa.Connection, workshop: str, filename: str) -> bool:
    """Delete the notebook, not the copies in homes; False if there is none with that name."""
    return connection.execute(table.delete().where(_this(workshop, filename))).rowcount > 0


def _this(workshop: str, filename: str) -> sa.ColumnElement[bool]:
    return (table.c.workshop == workshop) & (table.c.filename == filename)
