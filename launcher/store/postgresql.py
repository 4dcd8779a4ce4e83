"""Connections to PostgreSQL with a deadline in the client.

The server's own timeouts do not work while the server is frozen, and TCP's do not while the kernel
acknowledges packets. Imported only if psycopg is installed.
"""

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow

from launcher.store import deadline

# the server's timeouts, below the client's: the server ends statements whose client stopped
# waiting, and releases the locks of a worker that is frozen
SESSION = (
    "SET lock_timeout = '3s'; SET statement_timeout = '4s';"
    " SET idle_in_transaction_session_timeout = '10s'"
)
# how often the deadline is checked while psycopg waits
INTERVAL_SECONDS = 0.1


class Connection(psycopg.Connection[TupleRow]):
    """A connection that is closed when a response takes longer than the deadline allows."""

    def wait(self, gen: PQGen[RV], interval: float = INTERVAL_SECONDS, *more: Any) -> RV:
        """Wait as psycopg does; raises OperationalError at the deadline."""
        if deadline.seconds_left() is None:
            return super().wait(gen, interval, *more)
        return super().wait(self._bounded(gen), interval, *more)

    def _bounded(self, gen: PQGen[RV]) -> PQGen[RV]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and not deadline.seconds_left():
                    # without a rollback or a cancellation: they would wait, too
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the database did not respond in time")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result


def connect(*arguments: Any, **parameters: Any) -> Connection:
    """Open a connection; raises OperationalError, at once if the deadline has passed."""
    if deadline.seconds_left() == 0:
        raise psycopg.OperationalError("the database did not respond in time")
    connection = Connection.connect(*arguments, **parameters)
    if deadline.seconds_left() is not None:
        connection.execute(SESSION)
        connection.commit()
    return connection
