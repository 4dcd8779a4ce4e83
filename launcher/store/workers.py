"""The worker processes: which of them are alive."""

import time

import sqlalchemy as sa

from launcher.store.tables import workers

# clocks of several machines may differ by less than this
ALIVE_SECONDS = 12.0

_HEARTBEAT = sa.text(
    "INSERT INTO workers (id, alive_until) VALUES (:id, :alive_until)"
    " ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until"
)


def heartbeat(connection: sa.Connection, worker_id: str) -> None:
    """Record that the worker is alive, and forget workers that have long been dead."""
    now = time.time()
    connection.execute(_HEARTBEAT, {"id": worker_id, "alive_until": now + ALIVE_SECONDS})
    connection.execute(workers.delete().where(workers.c.alive_until < now - ALIVE_SECONDS))


def alive() -> sa.Select[tuple[str]]:
    """The ids of workers that are alive, as a query."""
    return sa.select(workers.c.id).where(workers.c.alive_until >= time.time())


def deregister(connection: sa.Connection, worker_id: str) -> None:
    """Record that the worker ends: others take over its launches at once."""
    connection.execute(workers.delete().where(workers.c.id == worker_id))
