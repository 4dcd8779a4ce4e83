"""Launches as rows: put down, read, advanced."""

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from launcher.store.tables import launches

ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Launch:
    """One request to open an experiment for a user, as it is stored."""

    id: str
    user: str
    experiment: str
    directory: str
    filename: str
    workspace: str | None
    if_exists: str
    content: str
    state: str = "queued"
    rounds: int = 0
    path: str | None = None
    problem: dict[str, Any] | None = None
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED


def insert(connection: sa.Connection, launch: Launch) -> Launch:
    """Write a new launch down."""
    now = time.time()
    launch = replace(launch, created_at=now, updated_at=now)
    connection.execute(launches.insert().values(**asdict(launch)))
    return launch


def find(connection: sa.Connection, launch_id: str) -> Launch | None:
    """The launch with that id, whoever's it is."""
    row = connection.execute(launches.select().where(launches.c.id == launch_id)).one_or_none()
    return Launch(**row._mapping) if row else None


def advance(connection: sa.Connection, launch: Launch, **changes: Any) -> Launch:
    """Write down what changed; a launch that has ended lets go of its notebook."""
    launch = replace(launch, updated_at=time.time(), **changes)
    if launch.ended:
        launch = replace(launch, content="")
    columns = {**changes, "updated_at": launch.updated_at, "content": launch.content}
    connection.execute(launches.update().where(launches.c.id == launch.id).values(**columns))
    return launch
