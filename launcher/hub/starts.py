"""Runs the start of one server until it is ready, or until the reason of its failure is known."""

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
from launcher.hub.responses import failure, per_cent, readable, refusal, retry_after
from launcher.hub.servers import ServerState
from launcher.outbound import OutboundError, Response
from launcher.server_ref import ServerRef

STOP_POLL_SECONDS = 0.5
# when the server's process died, JupyterHub 6.1.1 gives the reason 2 to 4 s later, or never
REASON_SECONDS = 10.0
# of one start: a spawner may send messages without end, and they are stored
MAX_MESSAGES = 200
# the hub responds to a request to start when the server runs, or after 10 s (`slow_spawn_timeout`);
# the progress stream is read before that
EARLY_STREAM_SECONDS = 0.5

# called with a message of the spawner, and the progress in per cent
OnMessage = Callable[[str, int | None], None]


class Throttled(Exception):
    """The hub has reached its limit of concurrent starts; retry after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the hub asks to wait for {seconds:g} s")
        self.seconds = seconds


class NotBegun(Exception):
    """The hub does not know of the start that another worker is recorded to have begun."""


class _StartLost(Exception):
    """The start ended without a reason, as when the hub was restarted."""


@dataclass(frozen=True)
class Ready:
    """A server that is ready."""

    at: float
    """When the start succeeded, or began if the launcher did not begin it; seconds since 1970."""
    ours: bool
    """Whether the launcher began the start."""


class Start:
    """One start of a server."""

    def __init__(
        self,
        hub: Hub,
        server: ServerRef,
        on_message: OnMessage,
        *,
        begun_at: float | None = None,
        user_options: Mapping[str, object] | None = None,
    ) -> None:
        """`begun_at` is when another worker began the start, in seconds since 1970.

        Without `user_options` the hub uses those of the last start.
        """
        self._user_options = user_options
        self._hub = hub
        self._server = server
        self._on_message = on_message
        self._seen: set[str] = set()
        self._request: asyncio.Task[Response] | None = None
        self._early_stream: asyncio.Task[bool] | None = None
        """Reads the stream from before the hub's response on."""
        self._is_streaming = False
        self._requested_at = begun_at or 0.0
        self._taken_over = begun_at is not None
        self._certain = False
        self._hub_was_away = False
        self._last_response_at = time.monotonic()
        self.began = self._taken_over
        """Whether the launcher began the start, as far as is known."""
        self.lost = False
        """Whether the start ended and the hub gave no reason."""
        self.accepted_at: float | None = None
        """When the hub accepted the request, by the monotonic clock."""

    @property
    def may_have_begun(self) -> bool:
        """Whether the start was requested."""
        return self._taken_over or self._request is not None

    async def run(self, *, limit: float, patience: float) -> Ready:
        """Run the start; returns when the server is ready.

        `limit` bounds the start, `patience` the time for which the hub may be down; both in
        seconds. Raises Throttled, NotBegun, SpawnFailed, SpawnRefused, StartTimeout, ServerStopped,
        ServerLimit, HubUnavailable, HubRefused, UnknownUser.
        """
        if self._taken_over:
            limit = max(1.0, limit - max(0.0, time.time() - self._requested_at))
        try:
            async with asyncio.timeout(limit):
                await self._start_patiently(patience)
        except TimeoutError as error:
            raise StartTimeout(
                "The server was not ready in time. It may still start: try again in a minute."
            ) from error
        finally:
            self._cancel_early_stream()
        return await self._ready()

    async def _ready(self) -> Ready:
        if self.began and self._certain:
            return Ready(time.time(), ours=True)
        with suppress(LauncherError):
            at = (await servers.state(self._hub, self._server)).started_at
            if self.began and at >= self._requested_at:
                return Ready(time.time(), ours=True)
            return Ready(at, ours=False)
        return Ready(0.0, ours=False)

    async def _start_patiently(self, patience: float) -> None:
        """Retry while the hub is down, and start again if it was restarted."""
        for delay in _delays():
            try:
                # a start that was begun must not be repeated: it may have failed meanwhile
                return await (self._wait_until_ready() if self.began else self._start_once())
            except HubUnavailable:
                self._hub_was_away = True
                if time.monotonic() - self._last_response_at >= patience:
                    raise
            except _StartLost as error:
                if self._taken_over:
                    raise NotBegun from error
                if not self._hub_was_away:
                    self.lost = True
                    raise SpawnFailed("The server's start ended without a reason.") from error
                # the hub was restarted: begin again
                self._hub_was_away = self.began = self._certain = False
            await asyncio.sleep(delay)

    async def _start_once(self) -> None:
        while True:
            answer = await self._post()
            if answer.status in (201, 202):
                self.began = self._certain = True
                self.accepted_at = time.monotonic()
                # a 201 does not mean ready: after a failed start the server may still be pending
                return await self._wait_until_ready()
            if answer.status == 429:
                raise Throttled(retry_after(answer))
            if answer.status == 400:
                if await self._runs_already(answer):
                    return None
            elif answer.status >= 500:
                self.began = True
                return await self._wait_for_reason(readable(servers.message(answer)))
            else:
                raise refusal(answer)

    async def _post(self) -> Response:
        """Request the start; returns the hub's response, which may take 10 s.

        Cancelling the caller does not cancel the request.
        """
        self._cancel_early_stream()
        self._requested_at = time.time()
        self._request = asyncio.create_task(self._post_start())
        self._request.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._early_stream = asyncio.create_task(self._stream_early(self._request))
        self._early_stream.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            answer = await asyncio.shield(self._request)
        except LauncherError:
            self._cancel_early_stream()
            raise
        if not self._is_streaming:
            self._cancel_early_stream()
        self._last_response_at = time.monotonic()
        return answer

    async def _post_start(self) -> Response:
        return await servers.post_start(self._hub, self._server, self._user_options)

    async def _stream_early(self, request: asyncio.Task[Response]) -> bool:
        """Read the stream as `_stream` does, beginning before the hub's response.

        The end of a stream before the hub's response is ignored: until the start begins, the stream
        shows how the previous start ended.
        """
        for delay in _delays(EARLY_STREAM_SECONDS):
            await asyncio.sleep(delay)
            try:
                ready = await self._stream()
            except LauncherError:
                if request.done():
                    raise
            else:
                if request.done():
                    return ready
        return False

    def _cancel_early_stream(self) -> None:
        if self._early_stream:
            self._early_stream.cancel()
            self._early_stream = None

    async def _state(self) -> ServerState:
        now = await servers.state(self._hub, self._server)
        self._last_response_at = time.monotonic()
        return now

    async def is_ours(self) -> bool:
        """Whether the launcher began the start; waits for a response that is pending.

        False if the hub's clock is behind: then a server keeps running rather than being stopped by
        mistake.
        """
        with suppress(LauncherError):
            if self._request and not self._request.done():
                answer = await self._request
                self.began = answer.status in (201, 202) or answer.status >= 500
            # the hub responds with 202 for a start that is already under way, too
            if self.began:
                now = await servers.state(self._hub, self._server)
                return now.started_at >= self._requested_at
        return False

    async def _runs_already(self, answer: Response) -> bool:
        """After a 400, wait for a start that is under way; whether the server runs then.

        Raises the hub's refusal if no start is under way.
        """
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

    async def _wait_for_reason(self, reason: str) -> None:
        """After a 500, wait for the reason in the stream; the server may get ready after all.

        `reason` is the one in the response, if any.
        """
        try:
            async with asyncio.timeout(REASON_SECONDS):
                await self._wait_until_ready()
        except _StartLost as error:
            self.lost = True
            raise SpawnFailed(reason or "The hub gave no reason.") from error
        except TimeoutError as error:
            # the process is gone, and the hub still waits for its http_timeout
            raise ServerExited(
                "The server's process ended before it was ready, and the hub gave no reason. The"
                " hub's log contains the last output of the process."
            ) from error

    async def _wait_until_ready(self) -> None:
        """Read the progress stream until the server is ready.

        When the stream ends early, the user's model decides whether to read it again.
        """
        for delay in _delays():
            early, self._early_stream = self._early_stream, None
            if await (early or self._stream()):
                return
            now = await self._state()
            if now.ready:
                return
            if now.pending != "spawn":
                # if it failed between the two requests, the stream has the reason now
                if await self._stream():
                    return
                raise _StartLost
            await asyncio.sleep(delay)

    async def _stream(self) -> bool:
        """Read the progress stream; True at the event ready, False when the stream ends.

        Raises the failure in the stream.
        """
        with suppress(OutboundError):
            async with aclosing(progress.events(self._hub, self._server)) as events:
                try:
                    async for event in events:
                        self._is_streaming = True
                        self._last_response_at = time.monotonic()
                        if event.get("ready") is True:
                            return True
                        if event.get("failed"):
                            raise failure(readable(event.get("message")))
                        self._report(event)
                finally:
                    self._is_streaming = False
        return False

    def _report(self, event: Mapping[str, object]) -> None:
        """Report a message of the spawner once: a stream that is opened again repeats them."""
        message = readable(event.get("message"))
        if message and message not in self._seen and len(self._seen) < MAX_MESSAGES:
            self._seen.add(message)
            self._on_message(message, per_cent(event.get("progress")))


def _delays(first: float = 0.2, most: float = 2.0) -> Iterator[float]:
    delay = first
    while True:
        yield delay
        delay = min(2 * delay, most)
