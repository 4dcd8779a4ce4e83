"""Which start of a server still runs."""

from launcher.hub import Hub, users
from launcher.server_ref import ServerRef
from launcher.spawning import Spawning, Started


class RunningStarts:
    """The starts that the hub's spawn hook asked about, and that still run.

    A start is recognised by the token that the hub gave its server: the hub deletes it when the
    server stops. So a record of an earlier start is never taken for the one that runs.
    """

    def __init__(self, hub: Hub, spawning: Spawning) -> None:
        self._hub = hub
        self._spawning = spawning

    async def find(self, server: ServerRef) -> Started | None:
        """How the server that runs was started; None if it does not run, or without the hook.

        Raises HubUnavailable.
        """
        started = await self._spawning.started(server)
        if started is None or started.token is None:
            return None
        owner = await users.identify(self._hub, started.token)
        if owner is None:
            await self._spawning.forget_token(started)
        return started if owner is not None and owner.name == server.user else None
