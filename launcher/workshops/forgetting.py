"""Forgets a notebook of a participant."""

import sqlalchemy as sa

from launcher.store import event_deliveries, saved_notebooks
from launcher.store import events as rows


def forget(connection: sa.Connection, user: str, path: str) -> None:
    """Delete all saves and events of a notebook, and the events that wait to be delivered."""
    saved_notebooks.remove(connection, user, path)
    event_deliveries.withdraw(connection, user, path)
    rows.remove(connection, user, path)
