"""Deletes old launches, keys, leases, login attempts, confirmations of links, and events."""

import time

import sqlalchemy as sa

from launcher.store import (
    event_deliveries,
    events,
    link_confirmations,
    saved_notebooks,
    workshop_launches,
)
from launcher.store.idempotency import KEPT_SECONDS
from launcher.store.launches import ENDED
from launcher.store.tables import idempotency_keys, launch_events, launches, leases, login_attempts

# short transactions: others wait for the database meanwhile
MOST_AT_ONCE = 1000
# a launch that failed within so many seconds is kept for an hour only: there may be many of them
AT_ONCE_SECONDS = 10.0
KEPT_AT_ONCE_SECONDS = 3600.0
# a link that was confirmed so long ago asks again
CONFIRMED_SECONDS = 365 * 86_400.0


def prune(connection: sa.Connection, seconds: float) -> int:
    """Delete launches that ended more than `seconds` ago, with their events; returns how many.

    Deletes at most MOST_AT_ONCE launches: call it again when it returns that number. Idempotency
    keys are deleted after a day, launches that failed at once after an hour if they have no key.
    """
    now = time.time()
    ids = _forgettable(connection, now, seconds)
    connection.execute(launch_events.delete().where(launch_events.c.launch_id.in_(ids)))
    connection.execute(launches.delete().where(launches.c.id.in_(ids)))
    keys = idempotency_keys.c.created_at < now - KEPT_SECONDS
    connection.execute(idempotency_keys.delete().where(keys))
    # a lease without a launch that runs: its worker died before it released it
    running = sa.select(launches.c.id).where(launches.c.worker_id.is_not(None))
    forgotten = (leases.c.expires_at < now) & leases.c.launch_id.not_in(running)
    connection.execute(leases.delete().where(forgotten))
    connection.execute(login_attempts.delete().where(login_attempts.c.at < now - KEPT_SECONDS))
    link_confirmations.prune(connection, CONFIRMED_SECONDS)
    return len(ids)


def prune_workshops(connection: sa.Connection, seconds: float) -> None:
    """Delete events and saves of notebooks that were received more than `seconds` ago.

    And launches for all participants that ended so long ago.
    """
    event_deliveries.prune(connection)
    workshop_launches.prune(connection, seconds)
    events.prune(connection, seconds)
    saved_notebooks.prune(connection, seconds)


def _forgettable(connection: sa.Connection, now: float, seconds: float) -> list[str]:
    """The ids of launches that can be deleted."""
    ended = launches.c.state.in_(ENDED) & launches.c.worker_id.is_(None)
    old = launches.c.updated_at < now - seconds
    at_once = (launches.c.state == "failed") & (launches.c.updated_at < now - KEPT_AT_ONCE_SECONDS)
    at_once &= launches.c.updated_at - launches.c.created_at < AT_ONCE_SECONDS
    at_once &= launches.c.id.not_in(sa.select(idempotency_keys.c.launch_id))
    query = sa.select(launches.c.id).where(ended & (old | at_once)).limit(MOST_AT_ONCE)
    return list(connection.execute(query).scalars())
