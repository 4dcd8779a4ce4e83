"""Holds launches to the environment that they ask for."""

from launcher.contents import ServerGone
from launcher.errors import HookMissing, OtherEnvironment
from launcher.hub import Hub, servers
from launcher.launches.running import RunningStarts
from launcher.spawning import Started, server_name
from launcher.store.launches import Environment, Launch


class Environments:
    """Checks in which environment a server runs."""

    def __init__(self, hub: Hub, running: RunningStarts, *, offers_servers: bool) -> None:
        """`offers_servers`: whether there may be a named server for each environment."""
        self._hub = hub
        self._running = running
        self._offers_servers = offers_servers

    async def require(self, launch: Launch) -> None:
        """Return if the launch's server runs in the environment that the launch asks for.

        Raises ServerGone if it does not run, OtherEnvironment, HookMissing, HubUnavailable,
        HubRefused or UnknownUser.
        """
        wanted = launch.environment
        if wanted is None:
            return
        started = await self._running.find(launch.server)
        if started and started.is_in(wanted):
            return
        now = await servers.state(self._hub, launch.server)
        if not now.ready or now.pending:
            raise ServerGone
        if not started and launch.attempts:
            raise _hook_missing(wanted)
        raise self._other(wanted, started)

    def _other(self, wanted: Environment, started: Started | None) -> OtherEnvironment:
        """`started` is how the server was started, None if that is not known."""
        running = started.spec.entrypoint_name if started else None
        if started is None:
            there = "was started without the launcher, so its environment is not known"
        elif running is None:
            there = "runs in the hub's default environment"
        else:
            there = f"runs in {running!r}{_difference(started, wanted)}"
        ways_out = [
            {"action": "restart", "detail": "Stop the server, and launch again."},
            {"action": "open", "detail": "Launch without an entrypoint, to open it there."},
        ]
        if self._offers_servers:
            name = server_name(wanted.system, wanted.entrypoint)
            sentence = f"Launch on the server {name!r}, which is kept for this environment."
            ways_out.append({"action": "named_server", "server": name, "detail": sentence})
        return OtherEnvironment(
            f"Your server {there}, and this launch asks for {wanted.entrypoint_name!r}. Stop the"
            " server and launch again, or launch without an environment to open it there.",
            members={"running": running, "ways_out": ways_out},
        )


def _difference(started: Started, wanted: Environment) -> str:
    """How the environment differs that has the same name."""
    if started.spec.entrypoint != wanted.entrypoint:
        return ""
    if started.spec.system != wanted.system:
        return f" on {started.spec.system!r}, not on {wanted.system!r}"
    return ", which was changed between the server's start and this launch"


def _hook_missing(wanted: Environment) -> HookMissing:
    return HookMissing(
        f"The server was started, but the hub did not get its environment"
        f" {wanted.entrypoint_name!r} from the launcher. Stop the server and launch again. If this"
        " does not help, the administrator has to add to jupyterhub_config.py: from"
        " launcher.jupyterhub import configure; configure(c, system="
        f'"{wanted.system}")'
    )
