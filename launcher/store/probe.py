"""Finds out whether the database takes what launches write, by writing."""

import os
import time

import sqlalchemy as sa

from launcher.store.tables import probes

BYTES = 32 * 1024
KEPT_SECONDS = 3600.0
# a sort that does not fit into memory takes 240 kB of the disk that nothing has taken before
_LITTLE_MEMORY = sa.text("SET LOCAL work_mem = '64kB'")
_SORT_ON_DISK = sa.text(
    "SELECT count(*) FROM (SELECT repeat('x', 100) || n FROM generate_series(1, 2000) AS n"
    " ORDER BY 1 DESC OFFSET 1) AS sorted"
)


def write(connection: sa.Connection, worker_id: str) -> None:
    """Write 32 KiB, and remove what this process wrote the last time.

    To be committed like any other unit of work. The new row comes first: the space of the last one
    cannot stand in for space that is missing. Rows that dead processes left go after an hour.
    """
    now = time.time()
    row = {"worker_id": worker_id, "content": os.urandom(BYTES), "at": now}
    mine = connection.execute(probes.insert().values(row).returning(probes.c.id)).scalar_one()
    older = (probes.c.worker_id == worker_id) & (probes.c.id != mine)
    connection.execute(probes.delete().where(older | (probes.c.at < now - KEPT_SECONDS)))
    if connection.dialect.name == "postgresql":
        # it puts the row where an older one was; a new launch may need a new block
        connection.execute(_LITTLE_MEMORY)
        connection.execute(_SORT_ON_DISK).one()
