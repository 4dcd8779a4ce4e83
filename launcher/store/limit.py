"""How many starts may be in flight: a limit that the hub's answers move, and a breaker.

Counted over all processes. The breaker keeps the starts that failed in a row, with those in flight,
below a number: a hub may be set to exit after so many (`consecutive_failure_limit`), and only a
success resets its count.
"""

import time
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.store.tables import failed_starts, start_limit, starts

# a success that long ago says nothing about the next start
PROOF_SECONDS = 600.0


@dataclass(frozen=True)
class Limits:
    """What the site allows: starts in flight, failures in a row (0: any), servers in the queue."""

    max_starts: int
    max_failed: int
    max_queued: int


@dataclass(frozen=True)
class Status:
    """How the starts are going, over all processes."""

    in_flight: int
    queued: int
    failed: int
    kind: str  # of the last failure; '' without one
    proven: bool  # the last start that ended was a success, and not long ago
    limit: int
    paused_until: float

    def allowed(self, limits: Limits) -> int:
        """How many more starts may begin now."""
        if self.paused_until > time.time():
            return 0
        room = self.limit - self.in_flight
        if limits.max_failed and not self.proven:
            room = min(room, limits.max_failed - 1 - self.failed - self.in_flight)
        return max(0, room)

    def is_open(self, limits: Limits) -> bool:
        """Whether no start may begin before somebody says that starts work again."""
        return bool(limits.max_failed) and self.failed >= limits.max_failed - 1 > 0


# made once: to make a statement anew costs more than to run it
_LIMIT = start_limit.select().with_for_update()
_FAILED = sa.select(sa.func.count(failed_starts.c.id)).scalar_subquery()
_LAST_KIND = sa.select(failed_starts.c.kind).order_by(failed_starts.c.id.desc()).limit(1)
_COUNTS = sa.select(
    sa.func.count(starts.c.holder).label("in_flight"),
    sa.func.count(starts.c.user).label("all"),
    _FAILED.label("failed"),
    sa.func.coalesce(_LAST_KIND.scalar_subquery(), "").label("kind"),
)
_AT: sa.BindParameter[float] = sa.bindparam("at")
_MOST: sa.BindParameter[float] = sa.bindparam("most")
_MORE = start_limit.c.starts + 1.0
_SUCCEEDED = start_limit.update().values(
    starts=sa.case((_MORE < _MOST, _MORE), else_=_MOST),
    succeeded_at=sa.case((start_limit.c.succeeded_at < _AT, _AT), else_=start_limit.c.succeeded_at),
)
_FORGET_FAILURES = failed_starts.delete().where(failed_starts.c.at <= sa.bindparam("before"))


def lock(connection: sa.Connection) -> None:
    """Wait until no other transaction changes what waits: first of all, else two may lock up."""
    connection.execute(_LIMIT)


def status(connection: sa.Connection, limits: Limits) -> Status:
    """How the starts are going; what is decided upon it holds until the transaction ends."""
    row, counts = connection.execute(_LIMIT).one(), connection.execute(_COUNTS).one()
    return Status(
        in_flight=counts.in_flight,
        queued=counts.all - counts.in_flight,
        failed=counts.failed,
        kind=counts.kind,
        proven=not counts.failed and row.succeeded_at > time.time() - PROOF_SECONDS,
        limit=max(1, int(min(row.starts, limits.max_starts))),
        paused_until=row.paused_until,
    )


def raise_by_one(connection: sa.Connection, at: float, max_starts: int) -> None:
    """A server that was started `at` runs: one more may be in flight, and failures are past."""
    connection.execute(_SUCCEEDED, {"at": at, "most": float(max_starts)})
    forget_failures(connection, at)


def halve(connection: sa.Connection, seconds: float, max_starts: int) -> None:
    """The hub takes no more starts for `seconds`."""
    row, counts = connection.execute(_LIMIT).one(), connection.execute(_COUNTS).one()
    used = min(row.starts, max_starts, max(1, counts.in_flight))
    until = max(row.paused_until, time.time() + seconds)
    connection.execute(start_limit.update().values(starts=max(1.0, used / 2), paused_until=until))


def count_failure(connection: sa.Connection, kind: str) -> None:
    """A start failed of which the hub counts how many fail in a row."""
    connection.execute(failed_starts.insert().values(kind=kind, at=time.time()))


def forget_failures(connection: sa.Connection, before: float) -> int:
    """A start that began `before` works, or an administrator says so; how many are forgotten."""
    return connection.execute(_FORGET_FAILURES, {"before": before}).rowcount
