"""Sees the start of a server through: until it is ready, or the reason is known why it is not."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from typing import Any

from launcher.errors import (
    HubUnavailable,
    LauncherError,
    ServerExited,
    ServerLimit,
    SpawnFailed,
    SpawnRefused,
    StartTimeout,
)
from launcher.hub import Hub, progress, servers
from launcher.outbound import Answer, Unreachable
from launcher.redaction import redact

STOP_POLL_SECONDS = 0.5
# after a process that died, 6.1.1 gives the true reason 2 to 4 s later, or never
REASON_SECONDS = 10.0
# a spawner that says something new all the time fills nobody's disk
MOST_MESSAGES = 200
# a hub asks for 30 to 60 s; more is a mistake, or a proxy's
MOST_SECONDS_TO_WAIT = 300.0

# what the spawner says while it starts: a sentence, and per cent
Said = Callable[[str, int | None], None]


class Throttled(Exception):
    """The hub starts as many servers as it wants to; `seconds` is when to ask again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the hub asks to wait for {seconds:g} s")
        self.seconds = seconds


class _Vanished(Exception):
    """The start is gone without a word, as when the hub was restarted meanwhile."""


class Start:
    """One start of a user's default server."""

    def __init__(self, hub: Hub, user: str, said: Said) -> None:
        self._hub = hub
        self._user = user
        self._said = said
        self._told: set[str] = set()
        self._asked: asyncio.Task[Answer] | None = None
        self._asked_at = 0.0
        self.began = False
        """Whether it was us who had the hub begin it."""
        self.accepted_at: float | None = None
        """When the hub said that it begins, by the monotonic clock."""

    async def see_through(self, *, limit: float, patience: float) -> float:
        """Return when the server is ready: when it was started, in seconds since 1970.

        `limit` bounds all of it, `patience` the time for which the hub may be away; both in
        seconds. Raises Throttled, SpawnFailed, SpawnRefused, StartTimeout, ServerLimit,
        HubUnavailable, HubRefused, UnknownUser.
        """
        try:
            async with asyncio.timeout(limit):
                await self._start_patiently(patience)
        except TimeoutError as error:
            raise StartTimeout(
                "The server was not ready in time. It may still come up: try again in a minute."
            ) from error
        if self.began:
            return time.time()
        return (await servers.state(self._hub, self._user)).started_at

    async def _start_patiently(self, patience: float) -> None:
        """Ask again while the hub is away."""
        away_since: float | None = None
        for delay in _delays():
            try:
                return await self._start_once()
            except HubUnavailable:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since >= patience:
                    raise
            except _Vanished as error:
                raise SpawnFailed("The server's start ended without a reason.") from error
            await asyncio.sleep(delay)

    async def _start_once(self) -> None:
        while True:
            answer = await self._ask()
            if answer.status in (201, 202):
                self.began, self.accepted_at = True, time.monotonic()
                # not yet "ready": after a failed start even a 201 is only "pending"
                return await self._wait_until_ready()
            if answer.status == 429:
                raise Throttled(_seconds_to_wait(answer))
            if answer.status == 400:
                if await self._came_up_otherwise(answer):
                    return None
            elif answer.status >= 500:
                self.began = True
                return await self._learn_reason(redact(servers.message(answer)))
            else:
                raise _refusal(answer)

    async def _ask(self) -> Answer:
        """The hub's answer, which it may give after 10 s; asked for also if nobody waits for it."""
        self._asked_at = time.time()
        self._asked = asyncio.create_task(servers.post_start(self._hub, self._user))
        self._asked.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._asked)

    async def is_ours(self) -> bool:
        """Whether it was us who had the hub begin it; waits for an answer that is still out.

        Where the hub's clock is behind ours, the answer is no: better one server too many.
        """
        with suppress(LauncherError):
            if self._asked and not self._asked.done():
                answer = await self._asked
                self.began = answer.status in (201, 202) or answer.status >= 500
            # the hub answers 202 for a start that is under way already, too
            if self.began:
                return (await servers.state(self._hub, self._user)).started_at >= self._asked_at
        return False

    async def _came_up_otherwise(self, answer: Answer) -> bool:
        """Whether the server runs after a 400: it ran already, or another start was under way."""
        now = await servers.state(self._hub, self._user)
        if now.ready and now.pending != "stop":
            return True
        if now.pending == "spawn":
            await self._wait_until_ready()
            return True
        if not now.pending and "pending" not in servers.message(answer):
            raise _refusal(answer)
        await asyncio.sleep(STOP_POLL_SECONDS)
        return False

    async def _learn_reason(self, said: str) -> None:
        """After a 500: the stream may hold the reason that the answer hides, or it got ready."""
        try:
            async with asyncio.timeout(REASON_SECONDS):
                await self._wait_until_ready()
        except _Vanished as error:
            raise SpawnFailed(said or "The hub gave no reason.") from error
        except TimeoutError as error:
            # the hub answers so when the process is gone, and waits for its http_timeout
            raise ServerExited(
                "The server's process ended before it was ready, and the hub gave no reason. The"
                " hub's log holds what the process said last."
            ) from error

    async def _wait_until_ready(self) -> None:
        """Follow the progress stream, again when it breaks; the user's model decides between."""
        for delay in _delays():
            try:
                if await self._follow():
                    return
            except Unreachable:
                pass  # the stream broke: the hub, asked below, says where things stand
            now = await servers.state(self._hub, self._user)
            if now.ready:
                return
            if now.pending != "spawn":
                raise _Vanished
            await asyncio.sleep(delay)

    async def _follow(self) -> bool:
        """True when the stream says ready; raises the failure that it tells."""
        async with aclosing(progress.events(self._hub, self._user)) as events:
            async for event in events:
                if event.get("ready") is True:
                    return True
                if event.get("failed"):
                    raise _failure(str(event.get("message", "")))
                self._pass_on(event)
        return False

    def _pass_on(self, event: dict[str, Any]) -> None:
        """Tell what the spawner says, once: a stream that is opened again begins anew."""
        message, per_cent = redact(str(event.get("message") or "")), event.get("progress")
        if message and message not in self._told and len(self._told) < MOST_MESSAGES:
            self._told.add(message)
            self._said(message, per_cent if isinstance(per_cent, int) else None)


def _failure(reason: str) -> LauncherError:
    """The error for what the hub says."""
    said = redact(reason.removeprefix("Spawn failed:"))
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


def _seconds_to_wait(answer: Answer) -> float:
    """What a throttled hub asks for; raises ServerLimit when it has no more room at all."""
    asked = answer.headers.get("Retry-After", "")
    if not (asked.isascii() and asked.isdigit()):
        said = redact(servers.message(answer)) or "The hub has no room for another server."
        raise ServerLimit(said, retry_after=60)
    return min(max(1.0, float(asked)), MOST_SECONDS_TO_WAIT)


def _refusal(answer: Answer) -> LauncherError:
    said = redact(servers.message(answer))
    return SpawnRefused(said or "The hub refused to start the server and gave no reason.")
