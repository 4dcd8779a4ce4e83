"""Leases: one launch at a time may write to a path of a user's home."""

import hashlib
import time

import sqlalchemy as sa

from launcher.store.tables import leases

# longer than any call to a server may take, so that its late effect finds the lease held
LEASE_SECONDS = 300.0


def _key(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8")).hexdigest()


def acquire(connection: sa.Connection, user: str, path: str, launch_id: str) -> bool:
    """Whether `launch_id` holds the path from now on."""
    now = time.time()
    here = (leases.c.user == user) & (leases.c.path_hash == _key(path))
    connection.execute(leases.delete().where(here & (leases.c.expires_at < now)))
    row = {"user": user, "path_hash": _key(path), "path": path, "launch_id": launch_id}
    try:
        with connection.begin_nested():
            connection.execute(leases.insert().values(**row, expires_at=now + LEASE_SECONDS))
    except sa.exc.IntegrityError:
        holder = connection.execute(sa.select(leases.c.launch_id).where(here)).scalar()
        return holder == launch_id
    return True


def is_held(connection: sa.Connection, user: str, path: str) -> bool:
    """Whether some launch holds the path."""
    here = (leases.c.user == user) & (leases.c.path_hash == _key(path))
    alive = leases.c.expires_at >= time.time()
    return connection.execute(sa.select(leases.c.launch_id).where(here & alive)).first() is not None


def release(connection: sa.Connection, launch_id: str) -> None:
    """Let go of every path that the launch holds."""
    connection.execute(leases.delete().where(leases.c.launch_id == launch_id))


def release_path(connection: sa.Connection, launch_id: str, path: str) -> None:
    """Let go of one path, which turned out to be taken."""
    mine = (leases.c.launch_id == launch_id) & (leases.c.path_hash == _key(path))
    connection.execute(leases.delete().where(mine))


def paths(connection: sa.Connection, launch_id: str) -> list[str]:
    """The paths that the launch holds: where its notebook may be."""
    query = sa.select(leases.c.path).where(leases.c.launch_id == launch_id)
    return list(connection.execute(query).scalars())
