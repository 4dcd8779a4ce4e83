"""Failed sign-ins of the last minute, counted over all workers.

`who` and `address` are keyed hashes: of a user name with an address, and of an address.
"""

import math
import time
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.store import locks
from launcher.store.tables import login_attempts

WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class Refusal:
    """The hash that has too many failures, and the seconds until the next attempt."""

    who: str
    seconds: int


def begin(
    connection: sa.Connection, who: str, limit: int, *, address: str, address_limit: int
) -> Refusal | None:
    """Count an attempt of `who`; a Refusal when `who` or `address` is at its limit.

    An attempt is counted before it is made, so that concurrent attempts cannot exceed the limit.
    """
    now = _prepare(connection, address)
    for each, most in ((address, address_limit), (who, limit)):
        if seconds := _wait(connection, each, most, now):
            return Refusal(each, seconds)
    connection.execute(login_attempts.insert().values(who=who, at=now))
    return None


def fail(connection: sa.Connection, address: str, limit: int) -> int:
    """Count a failure of `address`; the seconds to wait if it is at its limit now, else 0."""
    now = _prepare(connection, address)
    if seconds := _wait(connection, address, limit, now):
        return seconds
    connection.execute(login_attempts.insert().values(who=address, at=now))
    return _wait(connection, address, limit, now)


def succeeded(connection: sa.Connection, who: str) -> None:
    """Forget the attempts of `who`: the password was right."""
    connection.execute(login_attempts.delete().where(login_attempts.c.who == who))


def retract(connection: sa.Connection, who: str) -> None:
    """Remove the last attempt of `who`: it is unknown whether the password was right."""
    last = sa.select(sa.func.max(login_attempts.c.id)).where(login_attempts.c.who == who)
    connection.execute(login_attempts.delete().where(login_attempts.c.id == last.scalar_subquery()))


def _prepare(connection: sa.Connection, address: str) -> float:
    """Lock the address and remove old attempts; returns the time."""
    locks.acquire(connection, f"login attempts of {address}")
    now = time.time()
    connection.execute(login_attempts.delete().where(login_attempts.c.at < now - WINDOW_SECONDS))
    return now


def _wait(connection: sa.Connection, who: str, limit: int, now: float) -> int:
    query = sa.select(login_attempts.c.at).where(login_attempts.c.who == who)
    newest = query.order_by(login_attempts.c.at.desc()).offset(limit - 1).limit(1)
    at = connection.execute(newest).scalar()
    return 0 if at is None else max(1, math.ceil(at + WINDOW_SECONDS - now))
