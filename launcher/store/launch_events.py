"""Events of launches, for event streams in all workers."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.store.tables import launch_events


@dataclass(frozen=True)
class LaunchEvent:
    """An event of a launch: its `seq`-th change."""

    seq: int
    event: str
    data: dict[str, Any]
    at: float


_SINCE = (
    sa.select(launch_events.c.seq, launch_events.c.event, launch_events.c.data, launch_events.c.at)
    .where(
        (launch_events.c.launch_id == sa.bindparam("this"))
        & (launch_events.c.seq > sa.bindparam("after"))
    )
    .order_by(launch_events.c.seq)
)
_INSERT = launch_events.insert()


def append(
    connection: sa.Connection,
    changes: Iterable[tuple[str, int]],
    event: str,
    data: Mapping[str, Any],
) -> None:
    """Record one event for several launches; `changes` holds (id, seq) of each."""
    shared = {"event": event, "data": dict(data), "at": time.time()}
    rows = [{"launch_id": launch_id, "seq": seq, **shared} for launch_id, seq in changes]
    if rows:
        connection.execute(_INSERT, rows)


def since(connection: sa.Connection, launch_id: str, seq: int) -> list[LaunchEvent]:
    """The events of the launch after its `seq`-th change, in order."""
    found = connection.execute(_SINCE, {"this": launch_id, "after": seq})
    return [LaunchEvent(**row._mapping) for row in found]
