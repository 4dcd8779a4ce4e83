"""The processes that see to launches: who is alive."""

import time

import sqlalchemy as sa

from launcher.store.tables import workers

# clocks of several machines may differ by less than this
ALIVE_SECONDS = 12.0

_BEAT = sa.text(
    "INSERT INTO workers (id, alive_until) VALUES (:id, :alive_until)"
    " ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until"
)


def beat(connection: sa.Connection, process: str) -> None:
    """Say that the process is alive, and forget those that were not for long."""
    now = time.time()
    connection.execute(_BEAT, {"id": process, "alive_until": now + ALIVE_SECONDS})
    connection.execute(workers.delete().where(workers.c.alive_until < now - ALIVE_SECONDS))


def alive() -> sa.Select[tuple[str]]:
    """The ids of the processes that live, as a query."""
    return sa.select(workers.c.id).where(workers.c.alive_until >= time.time())


def leave(connection: sa.Connection, process: str) -> None:
    """Say that the process ends: what it holds, others take over at once."""
    connection.execute(workers.delete().where(workers.c.id == process))
