"""Removes named servers that were made for environments, when they were not used for long."""

import asyncio
import logging
import random
import time
from contextlib import suppress
from datetime import datetime

from launcher.errors import LauncherError, UnknownUser
from launcher.hub.servers import Server
from launcher.launches.servers import Servers
from launcher.server_ref import ServerRef
from launcher.store import Store, environment_servers

log = logging.getLogger("launcher")

LOOK_SECONDS = 3600.0
DAY_SECONDS = 86_400.0


class UnusedServers:
    """The named servers for environments that were stopped long ago."""

    def __init__(self, store: Store, servers: Servers, *, days: int) -> None:
        """`days` is how long a server has to be stopped; 0: none is ever removed."""
        self._store = store
        self._servers = servers
        self._days = days

    async def run(self) -> None:
        """Remove them, every hour, until cancelled."""
        while True:
            # not all workers at the same moment
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            if self._days:
                with suppress(LauncherError):
                    await self.remove_old(time.time())

    async def remove_old(self, now: float) -> None:
        """Remove those that have been stopped for so many days, in seconds since 1970.

        Raises StoreUnavailable, HubUnavailable, HubRefused.
        """
        before = now - self._days * DAY_SECONDS
        for server in await self._store.read(environment_servers.started_before, before):
            with suppress(LauncherError):
                await self._remove(server, before)

    async def _remove(self, server: ServerRef, before: float) -> None:
        try:
            found = (await self._servers.find_all(server.user)).get(server.name)
        except UnknownUser:
            found = None
        if found and not _is_unused(found, before):
            return
        if found:
            await self._servers.stop(server, remove=True)
            log.info("a server was removed", extra={"user": server.user, "server": server.name})
        await self._store.run(environment_servers.remove, server)


def _is_unused(server: Server, before: float) -> bool:
    """Whether the server is stopped, and was used last before that moment."""
    if server.state != "stopped":
        return False
    try:
        return datetime.fromisoformat(server.last_activity or "").timestamp() < before
    except ValueError:
        return server.last_activity is None
