"""Users' servers: how they are, and how they are stopped with the launches on them."""

import sqlalchemy as sa

from launcher.errors import NotFound, ServerStopped
from launcher.hub import Hub, servers, stops
from launcher.hub.servers import Server
from launcher.launches.feed import Feed
from launcher.launches.starter import Starter
from launcher.server_ref import ServerRef
from launcher.store import Store, limit, server_specs, starts
from launcher.store import launches as launch_rows

_STOPPED = ServerStopped("The server was stopped before the launch was done.").problem()


class Servers:
    """The servers of all users."""

    def __init__(self, store: Store, hub: Hub, feed: Feed, starter: Starter) -> None:
        self._store = store
        self._hub = hub
        self._feed = feed
        self._starter = starter

    async def find_all(self, user: str) -> dict[str, Server]:
        """The user's servers by name, stopped ones and always the default one included.

        Raises HubUnavailable, HubRefused, UnknownUser.
        """
        return await servers.find_all(self._hub, user)

    async def find(self, server: ServerRef) -> Server:
        """One server; raises NotFound, and as `find_all` does."""
        found = (await self.find_all(server.user)).get(server.name)
        if found is None:
            raise servers.no_such_server(server)
        return found

    async def stop(self, server: ServerRef, *, remove: bool = False) -> Server | None:
        """Stop the server, and cancel the launches on it; `remove` deletes a named server.

        Returns the server if the hub is still stopping it, otherwise None. Raises NotFound,
        NamedServerRefused, StoreUnavailable, and as `find_all` does.
        """
        found = await self.find_all(server.user)
        # first: a launch that waits would start it again
        cancelled = await self._store.run(_cancel, server)
        if cancelled:
            self._feed.wake(cancelled)
            self._starter.update_soon()
        elif server.name not in found:
            raise servers.no_such_server(server)
        started = await self._store.read(server_specs.find, server)
        stopped = await self._stopped(server, remove, may_be_missing=bool(cancelled))
        if started:
            # the hub deletes its token
            await self._store.run(server_specs.remove, started)
        if stopped:
            return None
        return (await self.find_all(server.user)).get(server.name)

    async def _stopped(self, server: ServerRef, remove: bool, *, may_be_missing: bool) -> bool:
        """Have the hub stop the server; False if it is still stopping it.

        `may_be_missing` says that a named server may not have been made yet.
        """
        try:
            return await stops.stop(self._hub, server, remove=remove)
        except NotFound:
            if not may_be_missing:
                raise
            return True


def _cancel(connection: sa.Connection, server: ServerRef) -> list[str]:
    """Cancel the launches on the server, and drop its start; returns their ids."""
    limit.lock(connection)
    ids = launch_rows.cancel_on(connection, server, _STOPPED)
    starts.drop_unwanted(connection, server)
    return ids
