"""Leases: one launch at a time may write to a path of a user's home."""

import hashlib
import time

import sqlalchemy as sa

from launcher.store.tables import leases

# longer than any call to a server: a call that is carried out late still has the lease
LEASE_SECONDS = 300.0


def _key(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8")).hexdigest()


# valid in SQLite and PostgreSQL
_INSERT = sa.text(
    'INSERT INTO leases ("user", path_hash, path, launch_id, expires_at)'
    " VALUES (:user, :path_hash, :path, :launch_id, :expires_at) ON CONFLICT DO NOTHING"
)
_RELEASE = sa.text("DELETE FROM leases WHERE launch_id = :launch_id")
# prepared once: building a statement costs more than running it
_HERE = (leases.c.user == sa.bindparam("whose")) & (leases.c.path_hash == sa.bindparam("key"))
_FREE = (leases.c.launch_id == sa.bindparam("by")) | (leases.c.expires_at < sa.bindparam("now"))
_TAKE_OVER = (
    leases.update()
    .where(_HERE & _FREE)
    .values(launch_id=sa.bindparam("by"), expires_at=sa.bindparam("until"))
)
_OWNER = sa.select(leases.c.launch_id).where(_HERE & (leases.c.expires_at >= sa.bindparam("now")))


def acquire(connection: sa.Connection, user: str, path: str, launch_id: str) -> bool:
    """Acquire or renew the launch's lease of the path; whether the launch has it now."""
    now = time.time()
    key, until = _key(path), now + LEASE_SECONDS
    names = {"user": user, "path_hash": key, "path": path}
    if connection.execute(_INSERT, {**names, "launch_id": launch_id, "expires_at": until}).rowcount:
        return True
    held = {"whose": user, "key": key, "by": launch_id, "now": now, "until": until}
    return bool(connection.execute(_TAKE_OVER, held).rowcount)


def is_held(connection: sa.Connection, user: str, path: str) -> bool:
    """Whether any launch has a lease of the path."""
    here = {"whose": user, "key": _key(path), "now": time.time()}
    return connection.execute(_OWNER, here).first() is not None


def release(connection: sa.Connection, launch_id: str) -> None:
    """Release all leases of the launch."""
    connection.execute(_RELEASE, {"launch_id": launch_id})


def release_path(connection: sa.Connection, launch_id: str, path: str) -> None:
    """Release the launch's lease of one path."""
    mine = (leases.c.launch_id == launch_id) & (leases.c.path_hash == _key(path))
    connection.execute(leases.delete().where(mine))


def paths(connection: sa.Connection, launch_id: str) -> list[str]:
    """The paths of the launch's leases: where its notebook may be."""
    query = sa.select(leases.c.path).where(leases.c.launch_id == launch_id)
    return list(connection.execute(query).scalars())
