"""How many starts may begin now: an adaptive concurrency limit, and a circuit breaker.

All workers compute the same from the rows and the clock. This module and `breaker` change the rows;
every transaction that depends on them takes the lock first.
"""

import math
import time
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.store.breaker import CLOSED, HALF_OPEN, OPEN, BreakerLimits
from launcher.store.tables import failed_starts, start_cooldowns, start_limit, starts

# how long a success counts as proof that starts work
PROOF_SECONDS = 600.0


@dataclass(frozen=True)
class StartLimits(BreakerLimits):
    """The site's limits: starts in flight, servers in the queue, and failures."""

    max_starts: int = 20
    max_queued: int = 1000


@dataclass(frozen=True)
class Status:
    """The status of all starts, of all workers."""

    limits: StartLimits
    now: float
    in_flight: int
    recent: int
    """Those in flight that began within the breaker's first open period."""
    unattended: int
    """Those in flight whose worker is gone."""
    queued: int
    failed: int
    """Starts that failed in a row, of all users."""
    kind: str  # of the last failure; '' without one
    cooling_down: int
    succeeded_at: float
    limit: int
    paused_until: float
    trips: int
    open_until: float

    @property
    def state(self) -> str:
        """The state of the breaker: closed, open or half-open."""
        if self.is_exhausted:
            return OPEN
        if not self.trips:
            return CLOSED
        return OPEN if self.now < self.open_until else HALF_OPEN

    @property
    def is_exhausted(self) -> bool:
        """Whether one more failure would make the hub exit."""
        most = self.limits.hub_failure_limit
        return bool(most) and self.failed >= most - 1

    @property
    def is_last(self) -> bool:
        """Whether one start is left; it is reserved for a user whose last start did not fail."""
        most = self.limits.hub_failure_limit
        return bool(most) and self.failed == most - 2 > 0

    @property
    def retry_after(self) -> int | None:
        """Seconds until the breaker becomes half-open.

        None when it is not open, or when only a success or an administrator can close it.
        """
        if self.state != OPEN or self.is_exhausted:
            return None
        return max(1, math.ceil(self.open_until - self.now))

    @property
    def proven(self) -> bool:
        """Whether the last start that ended was a success within PROOF_SECONDS."""
        return not self.failed and self.succeeded_at > self.now - PROOF_SECONDS

    def allowed(self) -> int:
        """How many more starts may begin now."""
        if self.state == OPEN or self.paused_until > self.now:
            return 0
        room = self.limit - self.in_flight
        if self.state == HALF_OPEN:
            room = min(room, 0 if self.recent else 1)
        if self._safe is not None:
            # the last one is a probe, too: it waits for the outcome of the others
            room = min(room, self._safe - 1 if self._safe > 1 or self.recent else self._safe)
        return max(0, room)

    @property
    def only_unfailed(self) -> bool:
        """Whether only users whose last start did not fail may begin one now."""
        if self._safe is not None and self._safe <= 1:
            return True
        return self.state == HALF_OPEN and self.now < self.open_until + self.limits.grace

    @property
    def _safe(self) -> int | None:
        """How many starts may fail before the hub exits, without those in flight; None: any."""
        if not self.limits.hub_failure_limit or self.proven:
            return None
        return self.limits.hub_failure_limit - 1 - self.failed - self.in_flight


# prepared once: building a statement costs more than running it
_LIMIT = start_limit.select().with_for_update()
_FAILED = sa.select(sa.func.count(failed_starts.c.id)).scalar_subquery()
_LAST_KIND = sa.select(failed_starts.c.kind).order_by(failed_starts.c.id.desc()).limit(1)
_COOLING_DOWN = sa.select(sa.func.count(start_cooldowns.c.user)).where(
    start_cooldowns.c.ends_at > sa.bindparam("now")
)
_COUNTS = sa.select(
    sa.func.count(starts.c.asked_at).label("in_flight"),
    sa.func.count(starts.c.worker_id).label("attended"),
    sa.func.count(sa.case((starts.c.asked_at > sa.bindparam("recently"), 1))).label("recent"),
    sa.func.count(starts.c.user).label("all"),
    _FAILED.label("failed"),
    sa.func.coalesce(_LAST_KIND.scalar_subquery(), "").label("kind"),
    _COOLING_DOWN.scalar_subquery().label("cooling_down"),
)
_AT: sa.BindParameter[float] = sa.bindparam("at")
_MOST: sa.BindParameter[float] = sa.bindparam("most")
_MORE = start_limit.c.starts + 1.0
_SUCCEEDED = start_limit.update().values(
    starts=sa.case((_MORE < _MOST, _MORE), else_=_MOST),
    succeeded_at=sa.case((start_limit.c.succeeded_at < _AT, _AT), else_=start_limit.c.succeeded_at),
)


def lock(connection: sa.Connection) -> None:
    """Lock the limit and the queue; to be called first, or two transactions may deadlock."""
    connection.execute(_LIMIT)


def status(connection: sa.Connection, limits: StartLimits) -> Status:
    """The status of all starts, locked until the transaction ends."""
    row, now = connection.execute(_LIMIT).one(), time.time()
    since = {"now": now, "recently": now - limits.open_seconds}
    counts = connection.execute(_COUNTS, since).one()
    return Status(
        limits=limits,
        now=now,
        in_flight=counts.in_flight,
        recent=counts.recent,
        unattended=counts.in_flight - counts.attended,
        queued=counts.all - counts.in_flight,
        failed=counts.failed,
        kind=counts.kind,
        cooling_down=counts.cooling_down,
        succeeded_at=row.succeeded_at,
        limit=max(1, int(min(row.starts, limits.max_starts))),
        paused_until=row.paused_until,
        trips=row.trips,
        open_until=row.open_until,
    )


def raise_by_one(connection: sa.Connection, at: float, limits: StartLimits) -> None:
    """Raise the limit by one: a start that the launcher began was a success `at`."""
    connection.execute(_SUCCEEDED, {"at": min(at, time.time()), "most": float(limits.max_starts)})


def halve(connection: sa.Connection, seconds: float, limits: StartLimits) -> None:
    """Halve the limit, and pause all starts for `seconds`: the hub is busy."""
    now, row = status(connection, limits), connection.execute(_LIMIT).one()
    used = min(row.starts, limits.max_starts, max(1, now.in_flight))
    until = max(row.paused_until, now.now + seconds)
    connection.execute(start_limit.update().values(starts=max(1.0, used / 2), paused_until=until))
