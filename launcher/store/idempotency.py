"""Idempotency keys: for a day, a request with the same key and body gets the same launch.

The key of a launch that failed before it had any effect is forgotten.
"""

import time

import sqlalchemy as sa

from launcher.store.tables import idempotency_keys

KEPT_SECONDS = 24 * 3600.0

_INSERT = sa.text(
    "INSERT INTO idempotency_keys (key_hash, body_hash, launch_id, created_at)"
    " VALUES (:key_hash, :body_hash, :launch_id, :created_at) ON CONFLICT DO NOTHING"
)


def remember(
    connection: sa.Connection, key_hash: str, body_hash: str, launch_id: str
) -> tuple[str, str]:
    """Store the key unless it is known; returns the body hash and the launch that it belongs to."""
    now = time.time()
    here = idempotency_keys.c.key_hash == key_hash
    old = idempotency_keys.c.created_at < now - KEPT_SECONDS
    connection.execute(idempotency_keys.delete().where(here & old))
    row = {"key_hash": key_hash, "body_hash": body_hash, "launch_id": launch_id, "created_at": now}
    if connection.execute(_INSERT, row).rowcount:
        return body_hash, launch_id
    query = sa.select(idempotency_keys.c.body_hash, idempotency_keys.c.launch_id).where(here)
    kept = connection.execute(query).one()
    return kept.body_hash, kept.launch_id


def replace(
    connection: sa.Connection, key_hash: str, old_launch_id: str, body_hash: str, launch_id: str
) -> bool:
    """Move the key from the old launch to the new one; whether it belonged to the old one."""
    here = idempotency_keys.c.key_hash == key_hash
    still = idempotency_keys.c.launch_id == old_launch_id
    values = {"body_hash": body_hash, "launch_id": launch_id, "created_at": time.time()}
    query = idempotency_keys.update().where(here & still).values(values)
    return bool(connection.execute(query).rowcount)


def forget(connection: sa.Connection, key_hash: str, launch_id: str) -> None:
    """Forget the key of that launch: the next request with it is a new launch."""
    this = (idempotency_keys.c.key_hash == key_hash) & (idempotency_keys.c.launch_id == launch_id)
    connection.execute(idempotency_keys.delete().where(this))
