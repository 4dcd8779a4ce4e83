"""Runs the start of one server: until it is ready, or the reason is known why it is not."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass

from launcher.errors import (
    HubUnavailable,
    LauncherError,
    ServerExited,
    SpawnFailed,
    StartTimeout,
)
from launcher.hub import Hub, progress, servers
from launcher.hub.responses import failure, per_cent, refusal, seconds_to_wait, words
from launcher.hub.servers import ServerState
from launcher.outbound import OutboundError, Response
from launcher.server_ref import ServerRef

STOP_POLL_SECONDS = 0.5
# after a process that died, 6.1.1 gives the true reason 2 to 4 s later, or never
REASON_SECONDS = 10.0
# a spawner that says something new all the time fills nobody's disk
MOST_MESSAGES = 200
# a hub answers a request to start when the server runs, or after 10 s (`slow_spawn_timeout`); by
# then it has begun
FOLLOWED_AFTER_SECONDS = 0.5

# called with a message of the spawner, and the progress in per cent
OnMessage = Callable[[str, int | None], None]


class Throttled(Exception):
    """The hub starts as many servers as it wants to; `seconds` is when to ask again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the hub asks to wait for {seconds:g} s")
        self.seconds = seconds


class NotBegun(Exception):
    """The hub knows nothing of the start that another process is said to have begun."""


class _Vanished(Exception):
    """The start is gone without a word, as when the hub was restarted meanwhile."""


@dataclass(frozen=True)
class Ready:
    """A server that runs."""

    at: float
    """When its start is known to have been a success, or began, in seconds since 1970."""
    ours: bool
    """Whether it was the launcher who had the hub begin the start."""


class Start:
    """One start of a server."""

    def __init__(
        self, hub: Hub, server: ServerRef, on_message: OnMessage, *, begun_at: float | None = None
    ) -> None:
        """`begun_at` is when another process had the hub begin it, in seconds since 1970."""
        self._hub = hub
        self._server = server
        self._on_message = on_message
        self._seen: set[str] = set()
        self._asked: asyncio.Task[Response] | None = None
        self._early: asyncio.Task[bool] | None = None
        """Follows the stream since before the hub answered."""
        self._is_followed = False
        self._asked_at = begun_at or 0.0
        self._left = begun_at is not None
        self._certain = False
        self._hub_was_away = False
        self._last_answer_at = time.monotonic()
        self.began = self._left
        """Whether it was the launcher who had the hub begin it, as far as is known."""
        self.accepted_at: float | None = None
        """When the hub said that it begins, by the monotonic clock."""

    @property
    def may_have_begun(self) -> bool:
        """Whether the hub was asked to begin it."""
        return self._left or self._asked is not None

    async def run(self, *, limit: float, patience: float) -> Ready:
        """Return when the server is ready.

        `limit` bounds all of it, `patience` the time for which the hub may be away; both in
        seconds. Raises Throttled, NotBegun, SpawnFailed, SpawnRefused, StartTimeout, ServerLimit,
        HubUnavailable, HubRefused, UnknownUser.
        """
        if self._left:
            limit = max(1.0, limit - max(0.0, time.time() - self._asked_at))
        try:
            async with asyncio.timeout(limit):
                await self._start_patiently(patience)
        except TimeoutError as error:
            raise StartTimeout(
                "The server was not ready in time. It may still come up: try again in a minute."
            ) from error
        finally:
            self._stop_following_early()
        return await self._ready()

    async def _ready(self) -> Ready:
        if self.began and self._certain:
            return Ready(time.time(), ours=True)
        with suppress(LauncherError):
            at = (await servers.state(self._hub, self._server)).started_at
            if self.began and at >= self._asked_at:
                return Ready(time.time(), ours=True)
            return Ready(at, ours=False)
        return Ready(0.0, ours=False)

    async def _start_patiently(self, patience: float) -> None:
        """Ask again while the hub is away, and once when it was restarted."""
        for delay in _delays():
            try:
                # a start that failed meanwhile is not to be repeated
                return await (self._wait_until_ready() if self.began else self._start_once())
            except HubUnavailable:
                self._hub_was_away = True
                if time.monotonic() - self._last_answer_at >= patience:
                    raise
            except _Vanished as error:
                if self._left:
                    raise NotBegun from error
                if not self._hub_was_away:
                    raise SpawnFailed("The server's start ended without a reason.") from error
                # a hub that was restarted counts its failures anew, too
                self._hub_was_away = self.began = self._certain = False
            await asyncio.sleep(delay)

    async def _start_once(self) -> None:
        while True:
            answer = await self._ask()
            if answer.status in (201, 202):
                self.began = self._certain = True
                self.accepted_at = time.monotonic()
                # not yet "ready": after a failed start even a 201 is only "pending"
                return await self._wait_until_ready()
            if answer.status == 429:
                raise Throttled(seconds_to_wait(answer))
            if answer.status == 400:
                if await self._came_up_otherwise(answer):
                    return None
            elif answer.status >= 500:
                self.began = True
                return await self._learn_reason(words(servers.message(answer)))
            else:
                raise refusal(answer)

    async def _ask(self) -> Response:
        """The hub's answer, which it may give after 10 s; asked for also if nobody waits for it."""
        self._stop_following_early()
        self._asked_at = time.time()
        self._asked = asyncio.create_task(servers.post_start(self._hub, self._server))
        self._asked.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._early = asyncio.create_task(self._follow_early(self._asked))
        self._early.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            answer = await asyncio.shield(self._asked)
        except LauncherError:
            self._stop_following_early()
            raise
        if not self._is_followed:
            self._stop_following_early()
        self._last_answer_at = time.monotonic()
        return answer

    async def _follow_early(self, asked: asyncio.Task[Response]) -> bool:
        """What `_follow` does, begun while the hub has not answered.

        How a stream ends before the hub answered is not believed: until it begins, the stream says
        how the start before this one ended.
        """
        for delay in _delays(FOLLOWED_AFTER_SECONDS):
            await asyncio.sleep(delay)
            try:
                ready = await self._follow()
            except LauncherError:
                if asked.done():
                    raise
            else:
                if asked.done():
                    return ready
        return False

    def _stop_following_early(self) -> None:
        if self._early:
            self._early.cancel()
            self._early = None

    async def _state(self) -> ServerState:
        now = await servers.state(self._hub, self._server)
        self._last_answer_at = time.monotonic()
        return now

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
                return (await servers.state(self._hub, self._server)).started_at >= self._asked_at
        return False

    async def _came_up_otherwise(self, answer: Response) -> bool:
        """Whether the server runs after a 400: it ran already, or another start was under way."""
        now = await self._state()
        if now.ready and now.pending != "stop":
            return True
        if now.pending == "spawn":
            await self._wait_until_ready()
            return True
        if not now.pending and "pending" not in servers.message(answer):
            raise refusal(answer)
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
            early, self._early = self._early, None
            if await (early or self._follow()):
                return
            now = await self._state()
            if now.ready:
                return
            if now.pending != "spawn":
                # when it failed between the two, the stream has the reason by now
                if await self._follow():
                    return
                raise _Vanished
            await asyncio.sleep(delay)

    async def _follow(self) -> bool:
        """True when the stream says ready, False when it ends; raises the failure in it."""
        with suppress(OutboundError):
            async with aclosing(progress.events(self._hub, self._server)) as events:
                try:
                    async for event in events:
                        self._is_followed = True
                        self._last_answer_at = time.monotonic()
                        if event.get("ready") is True:
                            return True
                        if event.get("failed"):
                            raise failure(words(event.get("message")))
                        self._pass_on(event)
                finally:
                    self._is_followed = False
        return False

    def _pass_on(self, event: Mapping[str, object]) -> None:
        """Tell what the spawner says, once: a stream that is opened again begins anew."""
        message = words(event.get("message"))
        if message and message not in self._seen and len(self._seen) < MOST_MESSAGES:
            self._seen.add(message)
            self._on_message(message, per_cent(event.get("progress")))


def _delays(first: float = 0.2, most: float = 2.0) -> Iterator[float]:
    delay = first
    while True:
        yield delay
        delay = min(2 * delay, most)
