"""Leases: one launch at a time may write to a path of a user's home."""

import hashlib
import time

import sqlalchemy as sa

from launcher.store.tables import leases

# longer than any call to a server may take, so that its late effect finds the lease held
LEASE_SECONDS = 300.0


def _key(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8")).hexdigest()


# understood by SQLite and PostgreSQL alike
_INSERT = sa.text(
    'INSERT INTO leases ("user", path_hash, path, launch_id, expires_at)'
    " VALUES (:user, :path_hash, :path, :launch_id, :expires_at) ON CONFLICT DO NOTHING"
)
_RELEASE = sa.text("DELETE FROM leases WHERE launch_id = :launch_id")
# made once: to make a statement anew costs more than to run it
_HERE = (leases.c.user == sa.bindparam("whose")) & (leases.c.path_hash == sa.bindparam("key"))
_FREE = (leases.c.launch_id == sa.bindparam("by")) | (leases.c.expires_at < sa.bindparam("now"))
_TAKE_OVER = (
    leases.update()
    .where(_HERE & _FREE)
    .values(launch_id=sa.bindparam("by"), expires_at=sa.bindparam("until"))
)
_HOLDER = sa.select(leases.c.launch_id).where(_HERE & (leases.c.expires_at >= sa.bindparam("now")))


def acquire(connection: sa.Connection, user: str, path: str, launch_id: str) -> bool:
    """Whether `launch_id` holds the path from now on; a launch that holds it already goes on."""
    now = time.time()
    key, until = _key(path), now + LEASE_SECONDS
    names = {"user": user, "path_hash": key, "path": path}
    if connection.execute(_INSERT, {**names, "launch_id": launch_id, "expires_at": until}).rowcount:
        return True
    held = {"whose": user, "key": key, "by": launch_id, "now": now, "until": until}
    return bool(connection.execute(_TAKE_OVER, held).rowcount)


def is_held(connection: sa.Connection, user: str, path: str) -> bool:
    """Whether some launch holds the path."""
    here = {"whose": user, "key": _key(path), "now": time.time()}
    return connection.execute(_HOLDER, here).first() is not None


def release(connection: sa.Connection, launch_id: str) -> None:
    """Let go of every path that the launch holds."""
    connection.execute(_RELEASE, {"launch_id": launch_id})


def release_path(connection: sa.Connection, launch_id: str, path: str) -> None:
    """Let go of one path, which turned out to be taken."""
    mine = (leases.c.launch_id == launch_id) & (leases.c.path_hash == _key(path))
    connection.execute(leases.delete().where(mine))


def paths(connection: sa.Connection, launch_id: str) -> list[str]:
    """The paths that the launch holds: where its notebook may be."""
    query = sa.select(leases.c.path).where(leases.c.launch_id == launch_id)
    return list(connection.execute(query).scalars())
