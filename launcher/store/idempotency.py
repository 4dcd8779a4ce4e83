"""Idempotency keys: the same key and body is the same launch, for a day.

A key does not stand for a launch that failed before it began anything.
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
    """The hash of the body and the launch that the key stands for: these, when it is new."""
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
    """Whether the key, which stood for the old launch until now, stands for the new one."""
    here = idempotency_keys.c.key_hash == key_hash
    still = idempotency_keys.c.launch_id == old_launch_id
    values = {"body_hash": body_hash, "launch_id": launch_id, "created_at": time.time()}
    query = idempotency_keys.update().where(here & still).values(values)
    return bool(connection.execute(query).rowcount)


def forget(connection: sa.Connection, key_hash: str, launch_id: str) -> None:
    """The key stands for that launch no longer: the next request with it is a new launch."""
    this = (idempotency_keys.c.key_hash == key_hash) & (idempotency_keys.c.launch_id == launch_id)
    connection.execute(idempotency_keys.delete().where(this))
