"""The servers of git projects: which one a launch uses, how many a user may run."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from launcher.errors import NotFound, ServerUnresponsive
from launcher.hub.servers import Server
from launcher.launches.engine import LaunchEngine
from launcher.launches.request import LaunchRequest, ProjectRequest
from launcher.launches.servers import Servers
from launcher.projects.options import ServerOptions
from launcher.projects.planning import Plan
from launcher.projects.prepared import check_image
from launcher.server_ref import ServerRef
from launcher.store import Store, project_servers, spawners
from launcher.store.launches import Environment, Launch
from launcher.store.project_servers import DONE, ProjectServer

STOP_SECONDS = 60.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Placed:
    """The request for a launch of a project, and what was found of its server."""

    request: ProjectRequest
    is_ready: bool
    """Whether the server runs with the project checked out."""
    warnings: tuple[Mapping[str, str], ...] = ()

    @property
    def keeps_other_options(self) -> bool:
        """Whether the server runs with other options than those that were asked for."""
        return any(each["type"] == _OTHER_OPTIONS["type"] for each in self.warnings)


class ProjectServers:
    """The servers of all users that are kept for projects."""

    def __init__(
        self,
        store: Store,
        launches: LaunchEngine,
        servers: Servers,
        options: ServerOptions,
        *,
        most: int,
    ) -> None:
        """`most` is how many of them one user may run at a time."""
        self._store = store
        self._launches = launches
        self._servers = servers
        self._options = options
        self._most = most

    async def place(
        self,
        plan: Plan,
        environment: Environment | None,
        groups: Collection[str],
        *,
        replace_running: bool = False,
    ) -> Placed:
        """The request for a launch of what was planned, in an environment if it names one.

        A server that runs with other options keeps them, with a warning, or is stopped by `open`
        with `replace_running`. `groups` are those of the user. Raises SpawnNotPossible, and as
        `Servers.find_all` does.
        """
        wanted, user = plan.server, plan.server.server.user
        if environment:
            named = {"system": environment.system, "entrypoint": environment.entrypoint}
            wanted = replace(wanted, **named)  # type: ignore[arg-type]
        warnings = await self._check(wanted, groups)
        found = await self._servers.find_all(user)
        earlier = await self._store.read(project_servers.find, wanted.server)
        runs = is_running(found.get(wanted.server.name))
        replaces = False
        if earlier and runs and _differs(earlier, wanted):
            if replace_running:
                replaces, runs = True, False
            else:
                warnings.append(_OTHER_OPTIONS)
                wanted = earlier
        request = await self._request(user, wanted, plan.opens, found)
        return Placed(
            replace(request, replaces=replaces),
            is_ready=bool(runs and earlier and earlier.checkout == DONE),
            warnings=tuple(warnings),
        )

    async def open(self, request: LaunchRequest) -> Launch:
        """Begin a launch of a project, as `LaunchEngine.open`; stops a server that it replaces.

        Nothing is stopped for a request that is refused, or whose launch has begun before. Raises
        ServerUnresponsive, and as `Servers.stop` and `LaunchEngine.open` do.
        """
        project = request.project
        if project and project.replaces and await self._launches.is_new(request):
            await self._stop(request.server)
        return await self._launches.open(request)

    async def _check(
        self, wanted: ProjectServer, groups: Collection[str]
    ) -> list[Mapping[str, str]]:
        """The warnings about what the spawner cannot apply; raises SpawnNotPossible.

        A spawner is known after the first start of a server.
        """
        known = await (
            self._store.read(spawners.find, wanted.system)
            if wanted.system
            else self._store.read(spawners.find_only)
        )
        fields = known.fields if known else None
        if fields is not None:
            check_image(wanted, fields)
        return list(self._options.apply(wanted.options, fields, groups).warnings)

    async def warnings(
        self, server: ServerRef, groups: Collection[str]
    ) -> tuple[Mapping[str, str], ...]:
        """What was chosen for the server of a project, and has no effect; as `place`."""
        kept = await self._store.read(project_servers.find, server)
        return tuple(await self._check(kept, groups)) if kept else ()

    async def resume(self, server: ServerRef, groups: Collection[str]) -> ProjectRequest | None:
        """The request that starts a server again; None if it is not kept for a project.

        `groups` are those of the user. Raises SpawnNotPossible for options that the user may not
        choose any more.
        """
        kept = await self._store.read(project_servers.find, server)
        if kept is None:
            return None
        await self._check(kept, groups)
        found = await self._servers.find_all(server.user)
        return await self._request(server.user, kept, None, found)

    async def _request(
        self, user: str, wanted: ProjectServer, opens: str | None, found: Mapping[str, Server]
    ) -> ProjectRequest:
        kept = await self._store.read(project_servers.find_all, user)
        active = {each.server.name for each in kept if is_running(found.get(each.server.name))}
        return ProjectRequest(wanted, opens, active=frozenset(active), most=self._most)

    async def _stop(self, server: ServerRef) -> None:
        """Stop the server, and wait until it is stopped."""
        until = time.monotonic() + STOP_SECONDS
        stopping = await self._servers.stop(server)
        while stopping and stopping.state != "stopped":
            if time.monotonic() > until:
                raise ServerUnresponsive(
                    "The server has not stopped within a minute. Try again when it has."
                )
            await asyncio.sleep(LOOK_SECONDS)
            try:
                stopping = await self._servers.find(server)
            except NotFound:
                return

    async def find_all(self, user: str) -> dict[str, tuple[Server, ProjectServer | None]]:
        """The user's servers by name, each with its project if it is kept for one.

        A server that was removed at the hub's own page is a stopped one: it can be started again.
        """
        found = await self._servers.find_all(user)
        kept = {
            each.server.name: each
            for each in await self._store.read(project_servers.find_all, user)
        }
        missing = {name: Server.from_model(name, {}) for name in kept if name not in found}
        return {name: (each, kept.get(name)) for name, each in {**found, **missing}.items()}

    async def forget(self, server: ServerRef) -> bool:
        """Forget the project of a server that is removed; whether it had one."""
        kept = await self._store.read(project_servers.find, server)
        if kept:
            await self._store.run(project_servers.remove, server)
        return kept is not None


def is_running(server: Server | None) -> bool:
    """Whether the server counts as one that runs: it also starts or stops."""
    return server is not None and server.state != "stopped"


def _differs(earlier: ProjectServer, wanted: ProjectServer) -> bool:
    """Whether the server was asked for with other options."""
    same = replace(
        earlier, options=wanted.options, image=wanted.image,
        system=wanted.system or earlier.system, entrypoint=wanted.entrypoint or earlier.entrypoint,
    )  # fmt: skip
    return same != earlier


_OTHER_OPTIONS = {
    "type": "other_options",
    "detail": "The server runs with other options, which it keeps. With ?replace=true it is stopped"
    " and started with the new ones.",
}
