"""Whose turn it is: what is read and written at once when servers wait for their starts.

Each function is one transaction's work; what it decides upon holds until the transaction ends.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.errors import HubBusy, QueueFull, StartsFailing, title_of
from launcher.store import launches as rows
from launcher.store import limit, starts
from launcher.store.launches import Launch
from launcher.store.limit import Limits, Status

BUSY_RETRY_SECONDS = 60


@dataclass(frozen=True)
class Seen:
    """What a look into the database says."""

    taken: Sequence[tuple[str, float]]
    """What to start now: users, and the seconds that each was in the queue."""
    changed: Sequence[str]
    """The launches that moved on or heard something."""
    ours: Sequence[tuple[str, bool]]
    """The users whose servers this process starts, and whether nobody waits for them any more."""
    failing: bool


def queue_up(connection: sa.Connection, launch: Launch, limits: Limits) -> Launch | None:
    """The launch after one more round, in the state that the start of its server is in.

    None when it is not the caller's any more. Raises QueueFull, StartsFailing.
    """
    now = limit.status(connection, limits)
    current = rows.find(connection, launch.id)
    if current is None or current.ended or current.holder != launch.holder:
        return None
    again = {"rounds": current.rounds + 1}
    if current.seq != launch.seq and current.state == "uploading":
        return rows.move(connection, current, **again)  # it came up while the upload was tried
    if not starts.is_wanted(connection, launch.user):
        _check_room(now, limits)
    state = "starting" if starts.enqueue(connection, launch.user) else "queued"
    if state == current.state:
        return rows.move(connection, current, **again)
    return rows.move(connection, current, state=state, **again)


def _check_room(now: Status, limits: Limits) -> None:
    if now.is_open(limits) and not now.in_flight:
        raise _refusal(now.kind)
    if now.queued >= limits.max_queued:
        raise QueueFull(
            f"{now.queued} servers wait for their start already. Try again in a minute.",
            retry_after=BUSY_RETRY_SECONDS,
        )


def _refusal(kind: str) -> StartsFailing:
    return StartsFailing(
        f"The last servers that were started failed ({title_of(kind).lower()}), so no other start"
        " is tried: too many would bring the hub down. Start your server on the hub's own page and"
        " then try again, or tell the hub's administrator.",
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
    taken, moved = _next(connection, holder, limits, queue_timeout, now)
    ours = starts.held_by(connection, holder) if now.in_flight or taken else []
    return Seen(taken, told + moved, ours, now.is_open(limits))


def _next(
    connection: sa.Connection, holder: str, limits: Limits, queue_timeout: float, now: Status
) -> tuple[list[tuple[str, float]], list[str]]:
    """What to start now, and the launches that moved on."""
    if not now.queued:
        return [], []
    if now.is_open(limits) and not now.in_flight:
        return [], starts.refuse_queued(connection, _refusal(now.kind).problem())
    late = starts.refuse_queued(connection, _BUSY, before=time.time() - queue_timeout)
    taken, moved = starts.claim(connection, holder, now.allowed(limits))
    return taken, late + moved


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
