"""How servers start now: what launches ask for, and what their users selected.

The hub's spawn hook asks at every start (`answer`). What a server runs in is what the hook fetched.
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher.entrypoints.model import Entrypoint, System
from launcher.entrypoints.registry import Registry
from launcher.errors import (
    BadRequest,
    EntrypointAmbiguous,
    EntrypointRetired,
    NotFound,
    NotOnSystem,
    OffersUnavailable,
    SpawnNotPossible,
)
from launcher.projects.prepared import PreparedServers
from launcher.sealing import Seal
from launcher.server_ref import ServerRef
from launcher.spawn.protocol import (
    VERSION,
    HandedOver,
    SpawnAnswer,
    SpawnQuestion,
    incompatibility,
)
from launcher.spawn.specification import SpawnSpecification
from launcher.store import (
    Store,
    environment_servers,
    launches,
    project_servers,
    server_specs,
    spawners,
    starts,
)
from launcher.store.launches import Environment
from launcher.store.project_servers import ProjectServer
from launcher.store.server_specs import ServerSpec
from launcher.store.starts import Wish

# a token is not valid any more when its server has stopped, whatever its seal says
TOKEN_SECONDS = 10 * 366 * 86_400
# of a hook that does not say how long it waits
HOOK_SECONDS = 15.0
# the rest is for the way of the question and of the answer
SHARE = 0.8


@dataclass(frozen=True)
class Started:
    """How a server was started last, as the hook fetched it."""

    spec: ServerSpec
    token: str | None
    """The server's own token; it is valid for as long as this start runs."""

    def is_in(self, environment: Environment) -> bool:
        """Whether the server was started in exactly this environment."""
        same = (self.spec.entrypoint, self.spec.system, self.spec.spec_hash)
        return same == (environment.entrypoint, environment.system, environment.spec_hash)


@dataclass(frozen=True)
class _Found:
    """What a server starts in."""

    entrypoint: Entrypoint | None
    """The one that the validator looked at; None for the spawner's own configuration."""
    specification: SpawnSpecification


class Spawning:
    """Answers the spawn hook, and knows how each server was started."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        prepared: PreparedServers,
        secret: bytes,
        *,
        server_facing_url: str,
        most_project_servers: int,
    ) -> None:
        """`server_facing_url` is the launcher's URL for users' servers, '' if it is not known.

        `most_project_servers` is how many servers for projects a user may run at a time.
        """
        self._store = store
        self._registry = registry
        self._prepared = prepared
        self._seal = Seal(secret, "tokens of servers")
        self._server_facing_url = server_facing_url
        self._most_project_servers = most_project_servers

    async def answer(self, user: str, system: str, question: SpawnQuestion) -> SpawnAnswer:
        """How a server of the user starts now on a system; raises LauncherError to refuse it.

        A launch's environment comes before the selection. The server's token is kept, sealed. A
        hook that does not wait any more may start the server in the default environment: what is
        known too late is not recorded.
        """
        seconds = SHARE * (question.seconds or HOOK_SECONDS)
        until = time.monotonic() + seconds
        if problem := incompatibility(question.version, "hook"):
            raise SpawnNotPossible(problem)
        server = ServerRef(user, question.server)
        kept = await self._store.read(project_servers.find, server)
        if kept and question.active:
            # the hub's own page starts servers, too
            await self._check_most(server, question.active)
        try:
            async with asyncio.timeout(seconds):
                found = await self._found(server, system, question.entrypoint, kept)
        except TimeoutError as error:
            raise _late(seconds) from error
        except (NotFound, OffersUnavailable) as error:
            # the hook takes a 404 or 503 for a launcher that is not there
            raise SpawnNotPossible(error.detail) from error
        entrypoint, specification = found.entrypoint, found.specification
        start_id = uuid.uuid4().hex if kept else None
        warnings: tuple[str, ...] = ()
        if kept and start_id:
            prepared = self._prepared.prepare(
                kept, start_id, specification, question.fields, question.groups
            )
            specification, warnings = prepared.specification, prepared.warnings
        _check_fields(specification, system, question.spawner, question.fields)
        name = entrypoint.name if entrypoint else None
        spec = ServerSpec(
            server=server,
            system=system,
            entrypoint=entrypoint.id if entrypoint else None,
            entrypoint_name=name,
            # of the environment alone: launches compare it
            spec_hash=found.specification.spec_hash,
            token=question.token and self._sealed(question.token),
        )
        await self._store.run(_record, spec, question, start_id, warnings, until)
        return SpawnAnswer(VERSION, specification, name, self._server_facing_url or None)

    async def _check_most(self, server: ServerRef, active: Collection[str]) -> None:
        """Raise TooManyServers if too many of the user's `active` servers are for projects."""
        kept = await self._store.read(project_servers.find_all, server.user)
        others = {each.server.name for each in kept} & set(active) - {server.name}
        project_servers.check_most(others, self._most_project_servers)

    async def hand_over(self, user: str, system: str, handed: HandedOver) -> None:
        """Keep the token of a server that starts in what was answered; raises NotFound."""
        server, sealed = ServerRef(user, handed.server), self._sealed(handed.token)
        if not await self._store.run(server_specs.hand_over, server, system, sealed):
            raise NotFound("No server with that name has been asked about since its last start.")

    def _sealed(self, token: str) -> str:
        return self._seal.close({"token": token}, TOKEN_SECONDS)

    async def _found(
        self, server: ServerRef, system: str, chosen: str | None, kept: ProjectServer | None
    ) -> _Found:
        """What the server starts in, which the validator looked at, and how."""
        entrypoint = await self._entrypoint(server, system, chosen, kept)
        if entrypoint is None:
            return _Found(None, SpawnSpecification())
        return _Found(
            entrypoint, await self._registry.specification(server.user, entrypoint, system)
        )

    async def _entrypoint(
        self, server: ServerRef, system: str, chosen: str | None, kept: ProjectServer | None
    ) -> Entrypoint | None:
        """What a launch asks for, else what was `chosen` in the hub's form, else selected.

        A server that is `kept` for a project starts in the environment that it was made for.
        """
        wish = await self._store.read(starts.wish, server)
        if wish is None and kept and kept.system and kept.entrypoint:
            wish = Wish(kept.system, kept.entrypoint)
        if wish is None:
            if not self._registry.systems:
                # the site has no environments: the hook only hands over tokens
                return (await self._registry.selections(server.user)).get(system)
            if chosen:
                return await self._registry.find(server.user, chosen, system)
            return await self._registry.selected(server.user, system)
        if wish.system != system:
            raise SpawnNotPossible(
                f"A launch asked for an environment on the system {wish.system!r}, but this server"
                f" starts on {system!r}. Choose {wish.system!r} in the hub's form, or cancel the"
                " launch."
            )
        return await self._registry.find(server.user, wish.entrypoint, system)

    async def environment(self, user: str, entrypoint: str, system: str) -> Environment:
        """The environment that a launch asks for, by the entrypoint's id or name.

        Without an entrypoint it is the selected one; without a system it is the only one that is
        possible. Raises BadRequest, and as `Registry.specification` does.
        """
        try:
            place = system or await self._only_system(user, entrypoint)
            found = await self._find(user, entrypoint, place)
        except NotFound as error:
            field = "system" if system and system not in self._registry.systems else "entrypoint"
            raise _wrong(field, "is not known", error.detail) from error
        specification = await self._registry.specification(user, found, place)
        if spawner := await self._store.read(spawners.find, place):
            _check_fields(specification, place, spawner.spawner, spawner.fields)
        return Environment(
            system=place,
            entrypoint=found.id,
            entrypoint_name=found.name,
            spec=specification.to_json(),
            spec_hash=specification.spec_hash,
        )

    async def _find(self, user: str, entrypoint: str, system: str) -> Entrypoint:
        if entrypoint:
            return await self._registry.find(user, entrypoint, system)
        selected = await self._registry.selected(user, system)
        if selected is None:
            raise _wrong("entrypoint", f"is missing, and nothing is selected on {system!r}")
        return selected

    async def _only_system(self, user: str, entrypoint: str) -> str:
        systems = list(self._registry.systems)
        if not systems:
            raise _wrong("entrypoint", "cannot be chosen: this site has no systems")
        if len(systems) > 1:
            systems = [name for name in systems if await self._is_on(user, entrypoint, name)]
        if not systems:
            await self._registry.find(user, entrypoint)  # raises NotFound, unless it is retired
            raise _wrong("entrypoint", "is on no system that is configured")
        if len(systems) > 1:
            raise _wrong("system", f"is missing; it is one of {', '.join(systems)}")
        return systems[0]

    async def _is_on(self, user: str, entrypoint: str, system: str) -> bool:
        try:
            await self._registry.find(user, entrypoint, system)
        except (NotFound, NotOnSystem, EntrypointRetired, EntrypointAmbiguous):
            return False
        return True

    async def started(self, server: ServerRef) -> Started | None:
        """How the server was started last; None if the hook never asked."""
        spec = await self._store.read(server_specs.find, server)
        if spec is None:
            return None
        opened = self._seal.open(spec.token) if spec.token else None
        return Started(spec, str(opened["token"]) if opened else None)

    async def forget_token(self, started: Started) -> None:
        """Delete the token of a start that does not run any more."""
        if started.spec.token:
            await self._store.run(
                server_specs.forget_token, started.spec.server, started.spec.token
            )

    def user_options(self, wish: Wish | None) -> Mapping[str, Any] | None:
        """The options with which the hub starts a server; None: those of its last start.

        Without an environment, the hub's form or its defaults decide.
        """
        if not self._registry.systems:
            return None
        system: System | None = self._registry.systems.get(wish.system) if wish else None
        return system.user_options if system else {}


def server_name(system: str, entrypoint: str) -> str:
    """The name of the server that is kept for an entrypoint (its id); the same each time."""
    return f"env-{hashlib.sha256(f'{system}/{entrypoint}'.encode()).hexdigest()[:12]}"


def _record(
    connection: sa.Connection,
    spec: ServerSpec,
    question: SpawnQuestion,
    start_id: str | None,
    warnings: tuple[str, ...],
    until: float,
) -> None:
    """Record how a server starts, but not after `until`, by the monotonic clock.

    `start_id` identifies the start of a server that is kept for a project, whose launches show the
    `warnings`.
    """
    if time.monotonic() > until:
        raise _late(SHARE * (question.seconds or HOOK_SECONDS))
    server_specs.put(connection, spec)
    spawners.put(connection, spec.system, question.spawner, question.fields)
    if spec.entrypoint and spec.server.name == server_name(spec.system, spec.entrypoint):
        environment_servers.put(connection, spec.server)
    if start_id:
        project_servers.begin(connection, spec.server, start_id)
    launches.record_progress(
        connection, spec.server, [{"message": each, "progress": 0} for each in warnings]
    )


def _late(seconds: float) -> SpawnNotPossible:
    return SpawnNotPossible(
        f"The environment could not be checked within {seconds:.3g} seconds, so the server was not"
        " started. Try again in a minute."
    )


def _check_fields(
    specification: SpawnSpecification, system: str, spawner: str, fields: tuple[str, ...]
) -> None:
    """Raise SpawnNotPossible if the spawner cannot apply a field of the specification."""
    cannot = [name for name in specification.set_fields if name not in fields]
    if cannot:
        raise SpawnNotPossible(
            f"Servers on {system!r} are started by {spawner}, which cannot set"
            f" {', '.join(cannot)}. Choose an environment of another type."
        )


def _wrong(field: str, sentence: str, detail: str = "") -> BadRequest:
    pointer = f"/notebook/{field}"
    return BadRequest(
        detail or f"{field} {sentence}.", errors=[{"pointer": pointer, "detail": sentence}]
    )
