"""Deletes what workshops kept, where they keep it for fewer days than the site."""

import asyncio
import logging
import random
import time
from contextlib import suppress

import sqlalchemy as sa

from launcher.errors import LauncherError
from launcher.store import Store, saved_notebooks, tracked_notebooks, workshop_notebooks
from launcher.store import events as event_rows
from launcher.store import workshops as rows
from launcher.store.tracked_notebooks import Selection
from launcher.store.workshops import Workshop
from launcher.workshops import definition, model
from launcher.workshops.registry import Workshops

log = logging.getLogger("launcher")

LOOK_SECONDS = 1800.0
DAY_SECONDS = 86_400.0
AT_ONCE = 100_000


class Retention:
    """Deletes old saves and events of workshops, in the background."""

    def __init__(self, store: Store, workshops: Workshops) -> None:
        self._store = store
        self._workshops = workshops

    async def run(self) -> None:
        """Delete until cancelled."""
        while True:
            # not all workers at the same moment
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            with suppress(LauncherError):
                await self.delete_old()

    async def delete_old(self) -> None:
        """Delete what is too old; of a workshop whose participants are not known, nothing.

        Raises StoreUnavailable.
        """
        for workshop in await self._store.read(rows.find_all):
            if workshop.retention_days is None:
                continue
            try:
                users = frozenset(await self._workshops.participants(workshop))
            except LauncherError as error:
                reason = {"workshop": workshop.name, "reason": error.detail}
                log.warning("old notebooks of a workshop are kept", extra=reason)
                continue
            await self._store.run(_delete, workshop, users, workshop.retention_days)


def _delete(
    connection: sa.Connection, workshop: Workshop, users: frozenset[str], days: int
) -> None:
    before = time.time() - days * DAY_SECONDS
    given = [each.filename for each in workshop_notebooks.find_all(connection, workshop.name)]
    known = definition.names(workshop, given)
    patterns = definition.patterns(workshop, known)
    selection = Selection(model.SAVE, users=users, patterns=patterns)
    for found in tracked_notebooks.select(connection, selection, AT_ONCE):
        if definition.notebook_of(workshop, found.filename, known):
            saved_notebooks.remove(connection, found.user, found.path, received_before=before)
            event_rows.remove(connection, found.user, found.path, received_before=before)
