"""How the start of a server ended, as values that know how they are recorded."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.server_ref import ServerRef
from launcher.store import starts
from launcher.store.limit import StartLimits


@dataclass(frozen=True)
class StartSucceeded:
    """The server has run since `at` (seconds since 1970)."""

    at: float
    ours: bool
    """Whether the launcher began the start."""

    def record(
        self, connection: sa.Connection, server: ServerRef, worker_id: str, limits: StartLimits
    ) -> list[str]:
        """Record it; returns the ids of the launches that continue."""
        return starts.succeeded(connection, server, worker_id, self.at, self.ours, limits)


@dataclass(frozen=True)
class StartFailed:
    """The server did not start, for a reason given as a problem (RFC 9457)."""

    problem: Mapping[str, object]
    counts: bool
    """Whether the hub counts it among its failures in a row."""
    lost: bool = False
    """Whether the hub gave no reason, as for a start that was stopped."""

    def record(
        self, connection: sa.Connection, server: ServerRef, worker_id: str, limits: StartLimits
    ) -> list[str]:
        """Record it; returns the ids of the launches that failed."""
        return starts.failed(
            connection,
            server,
            worker_id,
            self.problem,
            limits,
            counts=self.counts,
            lost=self.lost,
        )


@dataclass(frozen=True)
class StartThrottled:
    """The hub takes no more starts for so many seconds."""

    seconds: float

    def record(
        self, connection: sa.Connection, server: ServerRef, worker_id: str, limits: StartLimits
    ) -> list[str]:
        """Put the server back into the queue; returns the ids of the launches that wait again."""
        return starts.throttled(connection, server, worker_id, self.seconds, limits)


@dataclass(frozen=True)
class StartNotBegun:
    """The hub did not begin the start."""

    def record(
        self, connection: sa.Connection, server: ServerRef, worker_id: str, _limits: StartLimits
    ) -> list[str]:
        """Put the server back into the queue; returns the ids of the launches that wait again."""
        return starts.requeue(connection, server, worker_id)


StartOutcome = StartSucceeded | StartFailed | StartThrottled | StartNotBegun
