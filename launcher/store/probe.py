"""Checks with a write whether launches can be stored in the database."""

import os
import time

import sqlalchemy as sa

from launcher.store.tables import probes

BYTES = 32 * 1024
KEPT_SECONDS = 3600.0
# a sort that does not fit into memory writes 240 kB to new blocks of the disk
_LITTLE_MEMORY = sa.text("SET LOCAL work_mem = '64kB'")
_SORT_ON_DISK = sa.text(
    "SELECT count(*) FROM (SELECT repeat('x', 100) || n FROM generate_series(1, 2000) AS n"
    " ORDER BY 1 DESC OFFSET 1) AS sorted"
)


def write(connection: sa.Connection, worker_id: str) -> None:
    """Write 32 KiB, and remove the row that this worker wrote before.

    The new row is written first, so that the space of the old one cannot hide a full disk. Rows of
    workers that died are removed after an hour.
    """
    now = time.time()
    row = {"worker_id": worker_id, "content": os.urandom(BYTES), "at": now}
    mine = connection.execute(probes.insert().values(row).returning(probes.c.id)).scalar_one()
    older = (probes.c.worker_id == worker_id) & (probes.c.id != mine)
    connection.execute(probes.delete().where(older | (probes.c.at < now - KEPT_SECONDS)))
    if connection.dialect.name == "postgresql":
        # PostgreSQL reuses the space of older rows; a new launch may need a new block
        connection.execute(_LITTLE_MEMORY)
        connection.execute(_SORT_ON_DISK).one()


def remove(connection: sa.Connection, worker_id: str) -> None:
    """Remove the row that this worker wrote."""
    connection.execute(probes.delete().where(probes.c.worker_id == worker_id))
