"""Calls the function that a site has for events, in a thread, with a bound on its time."""

import asyncio
import inspect
import logging
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from launcher.store.event_deliveries import EventDelivery
from launcher.workshops.reactions import MOST_AT_ONCE, ON_EVENT, about, last_lines, shortened

log = logging.getLogger("launcher")

# threads of functions that took too long; beyond them, events wait until some have ended
MOST_HANGING = 20
# a coroutine is cancelled after the timeout was logged
_CANCEL_SECONDS = 1.0

Function = Callable[[dict[str, Any]], Any]


class OnEventFunction:
    """The function of `c.Launcher.on_event`."""

    target = name = ON_EVENT
    # one is usual: more are after deaths of workers
    most_attempts = 5

    def __init__(self, function: Function, *, seconds: float) -> None:
        """`seconds` is how long it may take."""
        self._function = function
        self._seconds = seconds
        self._hanging: set[threading.Thread] = set()

    def wants(self, event_type: str) -> bool:
        """It gets all events."""
        return True

    def limit(self) -> int:
        """Fewer than usual while many threads hang: a thread cannot be ended."""
        self._hanging = {thread for thread in self._hanging if thread.is_alive()}
        return min(MOST_AT_ONCE, MOST_HANGING - len(self._hanging))

    async def attempt(self, delivery: EventDelivery) -> None:
        """Call the function; a failure is logged, and not repeated."""
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(self._seconds):
                error = await self._call(dict(delivery.event))
        except TimeoutError:
            found = {"reason": f"it took longer than {self._seconds:g} s"}
        else:
            if error is None:
                return
            text = "".join(traceback.format_exception(error))
            found = {"reason": shortened(repr(error)), "traceback": last_lines(text)}
        log.warning("on_event failed", extra={**about(delivery), **found})

    async def _call(self, event: dict[str, Any]) -> BaseException | None:
        """What the function raised, if it did."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            if not ended.done():
                ended.set_result(error)

        def work() -> None:
            error: BaseException | None = RuntimeError("it ended its thread")
            try:
                error = asyncio.run(_result(self._function, event, self._seconds))
            finally:
                with suppress(RuntimeError):  # the worker has ended meanwhile
                    loop.call_soon_threadsafe(end, error)

        # a daemon: the process does not wait for it at its end
        thread = threading.Thread(target=work, name="launcher-on-event", daemon=True)
        thread.start()
        try:
            return await ended
        except asyncio.CancelledError:
            self._hanging.add(thread)
            raise


async def _result(function: Function, event: dict[str, Any], seconds: float) -> Any:
    """What the function raised, else None; a coroutine function is awaited."""
    call = asyncio.wait_for(_awaited(function, event), seconds + _CANCEL_SECONDS)
    (error,) = await asyncio.gather(call, return_exceptions=True)
    return error


async def _awaited(function: Function, event: dict[str, Any]) -> None:
    try:
        result = function(event)
        if inspect.isawaitable(result):
            await result
    except SystemExit as error:  # an event loop does not keep it to itself
        raise RuntimeError("it called sys.exit") from error
