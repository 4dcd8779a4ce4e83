"""Whose turn it is: what is read and written at once when servers wait for their starts.

Each function is one transaction's work; what it decides upon holds until the transaction ends.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.errors import HubBusy, QueueFull, StartCooldown, StartsFailing, title_of
from launcher.store import breaker, limit, starts
from launcher.store import launches as rows
from launcher.store.breaker import CLOSED, OPEN
from launcher.store.launches import Launch
from launcher.store.limit import Limits, Status
from launcher.store.starts import Taken

BUSY_RETRY_SECONDS = 60


@dataclass(frozen=True)
class Seen:
    """What a look into the database says."""

    taken: Sequence[Taken]
    """The starts that this process attends to from now on."""
    changed: Sequence[str]
    """The launches that moved on or heard something."""
    ours: Sequence[tuple[str, bool]]
    """The users whose servers this process starts, and whether nobody waits for them any more."""
    failing: bool
    """Whether a success that somebody else began would be news."""
    before: Status
    """How the starts were going."""


def queue_up(connection: sa.Connection, launch: Launch, limits: Limits) -> Launch | None:
    """The launch after one more round, in the state that the start of its server is in.

    None when it is not the caller's any more. Raises QueueFull, StartCooldown, StartsFailing.
    """
    now = limit.status(connection, limits)
    current = rows.find(connection, launch.id)
    if current is None or current.ended or current.holder != launch.holder:
        return None
    again = {"rounds": current.rounds + 1}
    if current.seq != launch.seq and current.state == "uploading":
        return rows.move(connection, current, **again)  # it came up while the upload was tried
    if not starts.is_wanted(connection, launch.user):
        _admit(connection, launch.user, now)
    state = "starting" if starts.enqueue(connection, launch.user) else "queued"
    if state == current.state:
        return rows.move(connection, current, **again)
    return rows.move(connection, current, state=state, **again)


def _admit(connection: sa.Connection, user: str, now: Status) -> None:
    """Raise what keeps a server of the user out of the queue."""
    seconds, kind = breaker.cooldown(connection, user)
    if now.state == OPEN:
        raise _refusal(now, seconds)
    if seconds:
        raise _cooldown(kind, seconds)
    if now.is_last and breaker.has_failed(connection, user):
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
    """The problem of an open breaker, for somebody who is in a cool-down for `seconds`."""
    failed = f"The last servers that were started failed ({title_of(now.kind).lower()})"
    if now.retry_after is not None:
        wait = max(now.retry_after, math.ceil(seconds))
        return StartsFailing(
            f"{failed}, those of different users, so no server is started at the moment. Try again"
            f" in {wait} seconds. Launches to servers that run go on.",
            retry_after=wait,
        )
    kept = "" if now.is_exhausted else " One start is left, for users whose servers did not fail."
    return StartsFailing(
        f"{failed}, and too many failures in a row would bring the hub down.{kept} Servers are"
        " started again after anybody's success (start your server on the hub's own page, then"
        " try again), after a restart of the hub, or when an administrator says so (DELETE"
        " /starts/failures).",
        retry_after=BUSY_RETRY_SECONDS,
    )


def look(
    connection: sa.Connection,
    holder: str,
    limits: Limits,
    queue_timeout: float,
    said: Mapping[str, Sequence[Mapping[str, object]]],
) -> Seen:
    """Tell what the spawners `said`, and take what `holder` is to start now."""
    now = limit.status(connection, limits)
    told = [i for user, words in said.items() for i in starts.said(connection, user, words)]
    left = starts.take_over(connection, holder) if now.unattended else []
    taken, moved = _next(connection, holder, queue_timeout, now)
    ours = starts.held_by(connection, holder) if now.in_flight or taken else []
    failing = now.state != CLOSED or bool(limits.hub_failure_limit and now.failed)
    return Seen([*left, *taken], told + moved, ours, failing, now)


def _next(
    connection: sa.Connection, holder: str, queue_timeout: float, now: Status
) -> tuple[list[Taken], list[str]]:
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
    taken, begun = starts.claim(connection, holder, now.allowed(), only_unfailed=only_unfailed)
    return taken, moved + begun


def write_down(
    connection: sa.Connection,
    user: str,
    said: Sequence[Mapping[str, object]],
    outcome: Callable[..., list[str]],
    *details: Any,
) -> list[str]:
    """How the start ended, after what was said last; the ids of the launches that go on."""
    if said:
        limit.lock(connection)
        starts.said(connection, user, said)
    return outcome(connection, user, *details)


_BUSY: dict[str, Any] = HubBusy(
    "The hub was too busy to start the server in all the time that the launcher waits. Try again"
    " later.",
    retry_after=BUSY_RETRY_SECONDS,
).problem()
