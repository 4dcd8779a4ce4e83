"""The database: state that survives a worker, and counts that all workers share."""

import asyncio
import functools
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from launcher.errors import StoreUnavailable
from launcher.outage import Outage
from launcher.store import deadline
from launcher.store.engine import ONLY_READS, PAUSE_SECONDS, THREADS, TRIES, connect
from launcher.store.versions import Outdated, TooNew, alembic, check_version, migrate

__all__ = [
    "Outdated",
    "Store",
    "TooNew",
    "alembic",
    "check_version",
    "connect",
    "migrate",
    "reason",
]

P = ParamSpec("P")
T = TypeVar("T")

# for one unit of work, the wait for a thread and for locks included
SECONDS = 5.0
# after that the caller stops waiting: a thread can hang where no timeout applies, such as a disk
GIVE_UP_SECONDS = SECONDS + 1.0
# SQLSTATE of conflicts between transactions in PostgreSQL: serialization failure, deadlock
CONFLICTS = ("40001", "40P01")
RETRY_SECONDS = 1.0


class Store:
    """Runs units of work: functions of a connection, each in one transaction on a thread."""

    def __init__(self, url: str, outage: Outage | None = None) -> None:
        self._engine = connect(url)
        self._reading = self._engine.execution_options(**{ONLY_READS: True})
        # SQLite allows one writing transaction at a time; readers do not wait for it
        one_writer = self._engine.dialect.name == "sqlite"
        self._threads = ThreadPoolExecutor(1 if one_writer else THREADS, thread_name_prefix="store")
        self._readers = ThreadPoolExecutor(1, "store-reads") if one_writer else self._threads
        self._outage = outage or Outage("the database")

    async def run(
        self,
        work: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `work(connection, …)` in a transaction; returns its result after the commit.

        After a conflict with another transaction the work runs again: it may only change rows.
        Raises StoreUnavailable after at most GIVE_UP_SECONDS.
        """
        bound = functools.partial(_do, self._engine, lambda c: work(c, *args, **kwargs))
        return await self._wait_for(self._threads, bound, writing=True)

    async def read(
        self,
        work: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run work that only reads, as `run` does, without waiting for transactions that write."""
        bound = functools.partial(_do, self._reading, lambda c: work(c, *args, **kwargs))
        return await self._wait_for(self._readers, bound, writing=False)

    async def _wait_for(
        self, threads: ThreadPoolExecutor, bound: Callable[[float], T], *, writing: bool
    ) -> T:
        call = functools.partial(bound, time.monotonic() + SECONDS)
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                result = await asyncio.get_running_loop().run_in_executor(threads, call)
        except StoreUnavailable as error:
            self._outage.failed(reason(error.__cause__), writing=writing)
            raise
        except TimeoutError as error:
            self._outage.failed("a thread hangs in the database", writing=writing)
            raise _unavailable() from error
        self._outage.succeeded(writing=writing)
        return result

    async def run_until_done(
        self,
        work: Callable[Concatenate[sa.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run work as `run` does, again and again until the database is available.

        For results that must not be lost.
        """
        while True:
            try:
                return await self.run(work, *args, **kwargs)
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)

    def close(self) -> None:
        """Close threads and connections."""
        self._threads.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()


def _do(engine: sa.Engine, work: Callable[[sa.Connection], T], moment: float) -> T:
    try:
        with deadline.until(moment):
            if deadline.seconds_left() == 0:
                raise sa.exc.TimeoutError("other units of work used up the time limit")
            return _transact(engine, work, TRIES)
    except (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError):
        raise  # a bug of the launcher, not an outage of the database
    except (sa.exc.DatabaseError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        raise _unavailable() from error


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable(
        "The launcher's database is not available. Try again in a moment.",
        retry_after=5,
    )


def reason(error: BaseException | None) -> str:
    """The driver's error message, without the statement."""
    return str(getattr(error, "orig", None) or error).strip()


def _transact(engine: sa.Engine, work: Callable[[sa.Connection], T], tries: int) -> T:
    try:
        with engine.begin() as connection:
            return work(connection)
    except sa.exc.OperationalError as error:
        if tries == 1 or getattr(error.orig, "sqlstate", None) not in CONFLICTS:
            raise
    time.sleep(random.uniform(0, PAUSE_SECONDS))  # noqa: S311
    return _transact(engine, work, tries - 1)
