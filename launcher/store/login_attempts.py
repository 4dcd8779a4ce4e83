"""Wrong passwords, counted over all processes."""

import math
import time

import sqlalchemy as sa

from launcher.store import locks
from launcher.store.tables import login_attempts

WINDOW_SECONDS = 60.0


def begin(connection: sa.Connection, who: str, limit: int) -> int:
    """Count a try of `who`; 0 when it may be made, else the seconds to wait.

    The try counts before it is made: tries at the same moment do not slip through together.
    """
    locks.hold(connection, f"login attempts of {who}")
    now = time.time()
    connection.execute(login_attempts.delete().where(login_attempts.c.at < now - WINDOW_SECONDS))
    query = sa.select(login_attempts.c.at).where(login_attempts.c.who == who)
    tries = connection.execute(query.order_by(login_attempts.c.at.desc()).limit(limit)).all()
    if len(tries) < limit:
        connection.execute(login_attempts.insert().values(who=who, at=now))
        return 0
    return max(1, math.ceil(tries[-1].at + WINDOW_SECONDS - now))


def succeeded(connection: sa.Connection, who: str) -> None:
    """Forget the tries of `who`, who knew the password."""
    connection.execute(login_attempts.delete().where(login_attempts.c.who == who))


def retract(connection: sa.Connection, who: str) -> None:
    """Take the last try of `who` back: nobody could say whether it was right."""
    last = sa.select(sa.func.max(login_attempts.c.id)).where(login_attempts.c.who == who)
    connection.execute(login_attempts.delete().where(login_attempts.c.id == last.scalar_subquery()))
