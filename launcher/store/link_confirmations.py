"""Who confirmed which signed link: their later visits launch without a question."""

import time

import sqlalchemy as sa

from launcher.store.tables import link_confirmations

_INSERT = sa.text(
    "INSERT INTO link_confirmations (link_id, user_name, confirmed_at)"
    " VALUES (:link_id, :user, :now) ON CONFLICT DO NOTHING"
)


def add(connection: sa.Connection, link_id: str, user: str) -> None:
    """Store that the user confirmed the link."""
    connection.execute(_INSERT, {"link_id": link_id, "user": user, "now": time.time()})


def exists(connection: sa.Connection, link_id: str, user: str) -> bool:
    """Whether the user confirmed the link before."""
    row = link_confirmations.c
    query = sa.select(row.link_id).where((row.link_id == link_id) & (row.user_name == user))
    return connection.execute(query).first() is not None


def prune(connection: sa.Connection, seconds: float) -> None:
    """Delete those that are older than `seconds`; such a link asks again."""
    old = link_confirmations.c.confirmed_at < time.time() - seconds
    connection.execute(link_confirmations.delete().where(old))
