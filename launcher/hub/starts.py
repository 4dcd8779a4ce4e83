"""Sees the start of a server through: until it is ready, or the reason is known why it is not."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import aclosing

from launcher.errors import (
    HubBusy,
    HubUnavailable,
    LauncherError,
    SpawnFailed,
    SpawnRefused,
    StartTimeout,
    public,
)
from launcher.hub import Hub, progress, servers
from launcher.outbound import Answer, Unreachable

STOP_POLL_SECONDS = 0.5
# after a process that died, 6.1.1 gives the true reason 2 to 4 s later, or never
REASON_SECONDS = 10.0


class _Vanished(Exception):
    """The start is gone without a word, as when the hub was restarted meanwhile."""


class _StillHeld(SpawnFailed):
    """It failed, and the hub has not given it up yet: another start would only wait with it."""


async def start(hub: Hub, user: str, *, limit: float, patience: float) -> None:
    """Return when the user's default server is ready.

    A failed start is repeated once. `limit` bounds all of it, `patience` the time for which the
    hub may be away; both in seconds. Raises SpawnFailed, SpawnRefused, StartTimeout, HubBusy,
    HubUnavailable, HubRefused, UnknownUser.
    """
    try:
        async with asyncio.timeout(limit):
            try:
                await _start_patiently(hub, user, patience)
            except _StillHeld:
                raise
            except SpawnFailed:
                await _start_patiently(hub, user, patience)
    except TimeoutError as error:
        raise StartTimeout(
            "The server was not ready in time. It may still come up: try again in a minute."
        ) from error


def _failure(reason: str) -> LauncherError:
    """The error for what the hub says; a start that timed out is not repeated."""
    said = public(reason.removeprefix("Spawn failed:"))
    if not said:
        # the exception of a start_timeout that passes has no words
        return StartTimeout("The server was not ready in the time that the hub gives it.")
    if re.search(r"timed out|timeout|failed to start in|didn't respond in", said, re.IGNORECASE):
        return StartTimeout(said)
    return SpawnFailed(said)


def _delays(first: float = 0.2, most: float = 2.0) -> Iterator[float]:
    delay = first
    while True:
        yield delay
        delay = min(2 * delay, most)


async def _start_patiently(hub: Hub, user: str, patience: float) -> None:
    """One start, asked for again while the hub is away, stops the old server or is throttled."""
    away_since: float | None = None
    for delay in _delays():
        try:
            await _start_once(hub, user)
            return
        except HubUnavailable:
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since >= patience:
                raise
        except _Vanished as error:
            raise SpawnFailed("The server's start ended without a reason.") from error
        await asyncio.sleep(delay)


async def _start_once(hub: Hub, user: str) -> None:
    while True:
        answer = await servers.post_start(hub, user)
        if answer.status in (201, 202):
            # not yet "ready": after a failed start even a 201 is only "pending"
            return await _wait_until_ready(hub, user)
        if answer.status == 429:
            await asyncio.sleep(_seconds_to_wait(answer))
        elif answer.status == 400:
            if await _came_up_otherwise(hub, user, answer):
                return None
        elif answer.status >= 500:
            return await _learn_reason(hub, user, public(servers.message(answer)))
        else:
            raise _refusal(answer)


def _seconds_to_wait(answer: Answer) -> float:
    """What a throttled hub asks for; raises HubBusy when it has no more room at all."""
    asked = answer.headers.get("Retry-After", "")
    if not (asked.isascii() and asked.isdigit()):
        said = public(servers.message(answer)) or "The hub has no room for another server."
        raise HubBusy(said, retry_after=60)
    return max(1.0, float(asked))


def _refusal(answer: Answer) -> LauncherError:
    said = public(servers.message(answer))
    return SpawnRefused(said or "The hub refused to start the server and gave no reason.")


async def _came_up_otherwise(hub: Hub, user: str, answer: Answer) -> bool:
    """Whether the server runs after a 400: it ran already, or another start was under way."""
    now = await servers.state(hub, user)
    if now.ready and now.pending != "stop":
        return True
    if now.pending == "spawn":
        await _wait_until_ready(hub, user)
        return True
    if not now.pending and "pending" not in servers.message(answer):
        raise _refusal(answer)
    await asyncio.sleep(STOP_POLL_SECONDS)
    return False


async def _learn_reason(hub: Hub, user: str, said: str) -> None:
    """After a 500: the stream may hold the reason that the answer hides, or it got ready yet."""
    try:
        async with asyncio.timeout(REASON_SECONDS):
            await _wait_until_ready(hub, user)
    except _Vanished as error:
        raise SpawnFailed(said or "The hub gave no reason.") from error
    except TimeoutError as error:
        # the hub answers so when the process is gone, and waits for its http_timeout all the same
        raise _StillHeld(
            "The server's process ended before it was ready, and the hub gave no reason. The hub's"
            " log holds what the process said last."
        ) from error


async def _wait_until_ready(hub: Hub, user: str) -> None:
    """Follow the progress stream, again when it breaks; the user's model decides in between."""
    for delay in _delays():
        try:
            if await _follow(hub, user):
                return
        except Unreachable:
            pass  # the stream broke: the hub, asked below, says where things stand
        now = await servers.state(hub, user)
        if now.ready:
            return
        if now.pending != "spawn":
            raise _Vanished
        await asyncio.sleep(delay)


async def _follow(hub: Hub, user: str) -> bool:
    """True when the stream says ready; raises SpawnFailed or StartTimeout with the reason in it."""
    async with aclosing(progress.events(hub, user)) as events:
        async for event in events:
            if event.get("ready") is True:
                return True
            if event.get("failed"):
                raise _failure(str(event.get("message", "")))
    return False
