"""Connections to PostgreSQL that do not wait for longer than they may.

The time-outs of the server do not help while the server itself is frozen, nor does TCP's while the
kernel acknowledges for it: the client has to stop waiting. Imported only where psycopg is there.
"""

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow

from launcher.store import deadline

# the server's own, below ours, so that nothing that nobody waits for any more goes on there; a
# process of the launcher that is frozen does not hold its locks for ever
SESSION = (
    "SET lock_timeout = '3s'; SET statement_timeout = '4s';"
    " SET idle_in_transaction_session_timeout = '10s'"
)
# how often psycopg's wait looks up
INTERVAL_SECONDS = 0.1


class Connection(psycopg.Connection[TupleRow]):
    """A connection that is closed when an answer takes longer than the unit of work may."""

    def wait(self, gen: PQGen[RV], interval: float = INTERVAL_SECONDS, *more: Any) -> RV:
        """What psycopg's `wait` returns; raises OperationalError when the time has passed."""
        if deadline.seconds_left() is None:
            return super().wait(gen, interval, *more)
        return super().wait(self._bounded(gen), interval, *more)

    def _bounded(self, gen: PQGen[RV]) -> PQGen[RV]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and not deadline.seconds_left():
                    # no rollback and no cancellation, which would be waited for as well
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the database did not answer in time")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result


def connect(*arguments: Any, **parameters: Any) -> Connection:
    """A new connection; raises OperationalError, at once when there is no time left."""
    if deadline.seconds_left() == 0:
        raise psycopg.OperationalError("the database did not answer in time")
    connection = Connection.connect(*arguments, **parameters)
    if deadline.seconds_left() is not None:
        connection.execute(SESSION)
        connection.commit()
    return connection
