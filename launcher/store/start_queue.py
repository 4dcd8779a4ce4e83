"""The queue of server starts: who may enter it, who is next, how a start ends.

Each function is the work of one transaction.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.errors import HubBusy, QueueFull, StartCooldown, StartsFailing, title_of
from launcher.server_ref import ServerRef
from launcher.store import breaker, limit, starts
from launcher.store import launches as launch_rows
from launcher.store.breaker import CLOSED, OPEN
from launcher.store.launches import Launch
from launcher.store.limit import StartLimits, Status
from launcher.store.start_outcomes import StartOutcome
from launcher.store.starts import ClaimedStart, OwnStart, Wish

BUSY_RETRY_SECONDS = 60


@dataclass(frozen=True)
class QueueUpdate:
    """What changed in the queue, for one worker."""

    claimed: Sequence[ClaimedStart]
    """The starts that the worker is responsible for from now on."""
    changed: Sequence[str]
    """The ids of launches with a new state or message."""
    own: Sequence[OwnStart]
    """The starts that the worker is responsible for, the claimed ones included."""
    failing: bool
    """Whether the success of a start that the launcher did not begin would matter."""
    before: Status
    """The status of all starts before the update."""


def enqueue(connection: sa.Connection, launch: Launch, limits: StartLimits) -> Launch | None:
    """Queue the launch's server for its start; the launch, in the state of that start.

    None when it is not the caller's any more. Raises QueueFull, StartCooldown, StartsFailing,
    OtherEnvironment.
    """
    now = limit.status(connection, limits)
    current = launch_rows.find(connection, launch.id)
    if current is None or current.ended or current.worker_id != launch.worker_id:
        return None
    again = {"attempts": current.attempts + 1}
    if current.seq != launch.seq and current.state == "uploading":
        return launch_rows.move(
            connection, current, **again
        )  # it came up while the upload was tried
    if not starts.is_wanted(connection, launch.server):
        _admit(connection, launch.server, now)
    named = launch.environment
    wish = Wish(named.system, named.entrypoint) if named else None
    state = "starting" if starts.enqueue(connection, launch.server, wish) else "queued"
    if state == current.state:
        return launch_rows.move(connection, current, **again)
    return launch_rows.move(connection, current, state=state, **again)


def _admit(connection: sa.Connection, server: ServerRef, now: Status) -> None:
    """Raise what keeps the server out of the queue."""
    seconds, kind = breaker.cooldown(connection, server)
    if now.state == OPEN:
        raise _refusal(now, seconds)
    if seconds:
        raise _cooldown(kind, seconds)
    if now.is_last and breaker.has_failed(connection, server.user):
        raise _refusal(now)
    if now.queued >= now.limits.max_queued:
        raise QueueFull(
            f"{now.queued} servers wait for their start already. Try again in a minute.",
            retry_after=BUSY_RETRY_SECONDS,
        )


def _cooldown(kind: str, seconds: float) -> StartCooldown:
    wait = math.ceil(seconds)
    return StartCooldown(
        f"The last start of your server failed ({title_of(kind).lower()}). The next one may begin"
        f" in {wait} seconds; each failure in a row doubles the time, a success ends it.",
        retry_after=wait,
    )


def _refusal(now: Status, seconds: float = 0.0) -> StartsFailing:
    """The problem of an open breaker, for a user who is in a cool-down for `seconds`."""
    failed = f"The last servers that were started failed ({title_of(now.kind).lower()})"
    if now.retry_after is not None:
        wait = max(now.retry_after, math.ceil(seconds))
        return StartsFailing(
            f"{failed}, those of different users, so no server is started at the moment. Try again"
            f" in {wait} seconds. Launches to servers that run are not affected.",
            retry_after=wait,
        )
    kept = "" if now.is_exhausted else " One start is left, for users whose servers did not fail."
    return StartsFailing(
        f"{failed}, and too many failures in a row would bring the hub down.{kept} Servers are"
        " started again after a success of any user (start your server on the hub's own page, then"
        " try again), after a restart of the hub, or after an administrator's DELETE"
        " /starts/failures.",
        retry_after=BUSY_RETRY_SECONDS,
    )


def update(
    connection: sa.Connection,
    worker_id: str,
    limits: StartLimits,
    queue_timeout: float,
    progress: Mapping[ServerRef, Sequence[Mapping[str, object]]],
) -> QueueUpdate:
    """Record messages of spawners, and claim the starts that the worker may begin now."""
    now = limit.status(connection, limits)
    changed: list[str] = []
    for server, messages in progress.items():
        changed += launch_rows.record_progress(connection, server, messages)
    orphaned = starts.take_over(connection, worker_id) if now.unattended else []
    claimed, moved = _claim_next(connection, worker_id, queue_timeout, now)
    own = starts.owned_by(connection, worker_id) if now.in_flight or claimed else []
    failing = now.state != CLOSED or bool(limits.hub_failure_limit and now.failed)
    return QueueUpdate([*orphaned, *claimed], changed + moved, own, failing, now)


def _claim_next(
    connection: sa.Connection, worker_id: str, queue_timeout: float, now: Status
) -> tuple[list[ClaimedStart], list[str]]:
    """What to start now, and the launches that moved on."""
    if not now.queued:
        return [], []
    moved = starts.refuse_queued(connection, _BUSY, before=now.now - queue_timeout)
    # while starts are in flight, a success may close the breaker
    if now.state == OPEN and not now.in_flight:
        return [], moved + starts.refuse_queued(connection, _refusal(now).problem())
    if now.is_last:
        refused = _refusal(now).problem()
        moved += starts.refuse_queued(connection, refused, only_failed=True)
    only_unfailed = now.only_unfailed
    taken, begun = starts.claim(connection, worker_id, now.allowed(), only_unfailed=only_unfailed)
    return taken, moved + begun


def finish(
    connection: sa.Connection,
    server: ServerRef,
    worker_id: str,
    progress: Sequence[Mapping[str, object]],
    outcome: StartOutcome,
    limits: StartLimits,
) -> list[str]:
    """Record the last messages and the outcome of a start; ids of the launches that changed."""
    if progress:
        limit.lock(connection)
        launch_rows.record_progress(connection, server, progress)
    return outcome.record(connection, server, worker_id, limits)


_BUSY: dict[str, Any] = HubBusy(
    "The hub was too busy to start the server within the launcher's queue_timeout. Try again"
    " later.",
    retry_after=BUSY_RETRY_SECONDS,
).problem()
