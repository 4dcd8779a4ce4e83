"""Failed starts: the circuit breaker for all users, and the cool-down of one server.

The breaker opens when starts of DIFFERENT_USERS users failed without a success in between. After
its open time one start is tried (half-open). A server whose own starts fail waits for a cool-down.
"""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.server_ref import ServerRef
from launcher.store.tables import failed_starts, start_cooldowns, start_limit

CLOSED, OPEN, HALF_OPEN = STATES = ("closed", "open", "half-open")

# failures of fewer users may be caused by these users' own servers
DIFFERENT_USERS = 3
MOST_COOLDOWN_SECONDS = 600.0
# a cool-down that ended so long ago does not make the next one longer
COOLDOWN_KEPT_SECONDS = 3600.0
MOST_DOUBLINGS = 20


@dataclass(frozen=True)
class BreakerLimits:
    """How long the breaker stays open, and how long a server waits after a failure."""

    hub_failure_limit: int = 0
    """The hub's `consecutive_failure_limit`, at which it exits; 0: no limit."""
    cooldown: float = 10.0
    """Seconds after a server's first failure; doubled with each further one. 0: no cool-down."""
    open_seconds: float = 60.0
    """Seconds for which the breaker opens the first time. 0: it never opens."""

    @property
    def most_open_seconds(self) -> float:
        """The longest time that the breaker stays open, in seconds.

        It is longer where failures make the hub exit.
        """
        return self.open_seconds * (10 if self.hub_failure_limit else 1.5)

    @property
    def grace(self) -> float:
        """Seconds for which a half-open breaker admits only users whose start did not fail."""
        return self.open_seconds / 6


# prepared once: building a statement costs more than running it
_LIMIT = start_limit.select().with_for_update()
_COUNT = failed_starts.insert()
_USERS = sa.select(sa.func.count(failed_starts.c.user.distinct()))
_HAS_FAILED = sa.select(failed_starts.c.id).where(failed_starts.c.user == sa.bindparam("this"))
_FORGET = failed_starts.delete().where(failed_starts.c.at <= sa.bindparam("before"))
_OF_SERVER = sa.and_(
    start_cooldowns.c.user == sa.bindparam("this"),
    start_cooldowns.c.server == sa.bindparam("name"),
)
_COOLDOWN = start_cooldowns.select().where(_OF_SERVER)
_END_COOLDOWN = start_cooldowns.delete().where(_OF_SERVER)
_COOL_DOWN = sa.text(
    'INSERT INTO start_cooldowns ("user", server, failures, kind, ends_at)'
    " VALUES (:user, :server, :failures, :kind, :ends_at)"
    ' ON CONFLICT ("user", server) DO UPDATE SET'
    " failures = excluded.failures, kind = excluded.kind, ends_at = excluded.ends_at"
)


def has_failed(connection: sa.Connection, user: str) -> bool:
    """Whether a start of the user failed since the last success of any user."""
    return connection.execute(_HAS_FAILED, {"this": user}).first() is not None


def failed_users() -> sa.Select[tuple[str]]:
    """The users of whom `has_failed` is true, as a query."""
    return sa.select(failed_starts.c.user)


def cooldown(connection: sa.Connection, server: ServerRef) -> tuple[float, str]:
    """Seconds until the server's cool-down ends (0: none), and the kind of the last failure."""
    row = connection.execute(_COOLDOWN, _key(server)).one_or_none()
    return (max(0.0, row.ends_at - time.time()), row.kind) if row else (0.0, "")


def count_failure(
    connection: sa.Connection, server: ServerRef, kind: str, limits: BreakerLimits, asked_at: float
) -> None:
    """Count a failed start of the server that began at `asked_at`; the hub counts it, too."""
    row, now = connection.execute(_LIMIT).one(), time.time()
    connection.execute(_COUNT, {"user": server.user, "kind": kind, "at": now})
    _cool_down(connection, server, kind, limits, alone=not row.trips)
    users = connection.execute(_USERS).scalar_one()
    was_a_probe = bool(row.trips) and asked_at >= row.open_until
    if limits.open_seconds and (was_a_probe or (not row.trips and users >= DIFFERENT_USERS)):
        longer = limits.open_seconds * 2 ** min(row.trips, MOST_DOUBLINGS)
        until = now + min(longer, limits.most_open_seconds)
        connection.execute(start_limit.update().values(trips=row.trips + 1, open_until=until))


def _cool_down(
    connection: sa.Connection, server: ServerRef, kind: str, limits: BreakerLimits, *, alone: bool
) -> None:
    """Begin a cool-down of the server.

    `alone` doubles it with each failure. While the breaker is not closed, the cause is the spawner
    and not the user's server: the cool-down then is not doubled.
    """
    now = time.time()
    old = start_cooldowns.c.ends_at < now - COOLDOWN_KEPT_SECONDS
    connection.execute(start_cooldowns.delete().where(old))
    row = connection.execute(_COOLDOWN, _key(server)).one_or_none()
    failures = (row.failures if row else 0) + (1 if alone else 0)
    doubled = limits.cooldown * 2 ** min(max(0, failures - 1), MOST_DOUBLINGS)
    seconds = min(doubled if alone else limits.cooldown, MOST_COOLDOWN_SECONDS)
    ends_at = max(now + seconds, row.ends_at if row else 0.0)
    new = {"user": server.user, "server": server.name, "failures": failures}
    connection.execute(_COOL_DOWN, {**new, "kind": kind, "ends_at": ends_at})


def _key(server: ServerRef) -> dict[str, str]:
    return {"this": server.user, "name": server.name}


def end_cooldown(connection: sa.Connection, server: ServerRef) -> None:
    """End the server's cool-down, after a success."""
    connection.execute(_END_COOLDOWN, _key(server))


def forget_failures(connection: sa.Connection, before: float) -> int:
    """Forget failures from before the begin of a successful start; returns how many.

    Closes the breaker, unless starts of DIFFERENT_USERS users failed since.
    """
    row = connection.execute(_LIMIT).one()
    forgotten = connection.execute(_FORGET, {"before": before}).rowcount
    if row.trips and connection.execute(_USERS).scalar_one() < DIFFERENT_USERS:
        connection.execute(start_limit.update().values(trips=0, open_until=0.0))
    return forgotten


def reset(connection: sa.Connection) -> None:
    """Forget all failures and end all cool-downs, as an administrator asked."""
    forget_failures(connection, time.time())
    connection.execute(start_cooldowns.delete())
