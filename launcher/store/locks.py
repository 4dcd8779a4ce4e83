"""One transaction at a time: SQLite's always are, PostgreSQL's have to ask."""

import zlib

import sqlalchemy as sa


def hold(connection: sa.Connection, name: str) -> None:
    """Wait until no other transaction holds this name, and hold it until ours ends."""
    if connection.dialect.name == "postgresql":
        key = sa.literal(zlib.crc32(name.encode("utf-8")), sa.BigInteger)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
