"""Locks between transactions. SQLite needs none: it runs one writing transaction at a time."""

import zlib

import sqlalchemy as sa


def acquire(connection: sa.Connection, name: str) -> None:
    """Acquire the lock of that name until the transaction ends; waits for other transactions."""
    if connection.dialect.name == "postgresql":
        key = sa.literal(zlib.crc32(name.encode("utf-8")), sa.BigInteger)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
