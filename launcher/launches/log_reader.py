"""The logs of users' servers, without the servers' own tokens."""

from launcher.hub import Hub, server_logs
from launcher.hub.server_logs import LogPage
from launcher.server_ref import ServerRef
from launcher.spawning import Spawning


class LogReader:
    """Reads the logs of servers."""

    def __init__(self, hub: Hub, spawning: Spawning, hook_token: str) -> None:
        self._hub = hub
        self._spawning = spawning
        self._hook_token = hook_token

    async def read(self, server: ServerRef, *, max_lines: int, after: str = "") -> LogPage:
        """The last lines of a server's log, or the first ones after a position.

        Raises LogsMissing, HubRefused, HubUnavailable, StoreUnavailable.
        """
        started = await self._spawning.started(server) if self._hook_token else None
        return await server_logs.read(
            self._hub,
            self._hook_token,
            server,
            max_lines=max_lines,
            after=after,
            secrets=[started.token] if started and started.token else [],
        )
