"""Single-flight: concurrent callers with the same key share one call."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares the result or the error of a call among all callers while it runs."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    async def share(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """Wait for the call that runs for `key`, or for a new one; returns its result.

        Cancelling one caller does not cancel the call.
        """
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(_awaited(call))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    def _done(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio logs it when all callers are gone


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    return await call()
