"""Begins launches and builds their responses, for all operations that launch."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from launcher import logs, urls
from launcher.api import Answer, here, on_behalf, origin, request_header
from launcher.api.launch_resource import path_of, resource, url_of
from launcher.errors import BadRequest, Cancelled, LauncherError, from_problem
from launcher.hub.users import Identity
from launcher.launches.request import (
    LaunchRequest,
    NotebookRequest,
    NotebookTarget,
    ProjectRequest,
)
from launcher.server_ref import ServerRef
from launcher.store.launches import Environment, Launch

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Where:
    """The server of a launch, and the environment that it has to run in, if any."""

    server: str
    entrypoint: str = ""
    """The id or name of an entrypoint."""
    system: str = ""

    @property
    def names_environment(self) -> bool:
        """Whether the environment is not left to the user's selection."""
        return bool(self.entrypoint or self.system)


async def open_notebook(
    experiment: str,
    notebook: dict[str, Any],
    parameters: dict[str, Any],
    user: Identity,
    *,
    pointer: str = "/parameters",
    server_pointer: str = "/notebook/server",
) -> Answer:
    """Launch a notebook, wait as the header Prefer says, and return its location.

    `pointer` and `server_pointer` are the JSON pointers of the parameters and the server's name in
    the body.
    """
    target = NotebookTarget.parse(notebook)
    server = urls.parse_new_server_name(notebook.get("server", ""), server_pointer)
    where = Where(server, notebook.get("entrypoint", ""), notebook.get("system", ""))
    found = here().experiments.find(experiment)
    filled = here().filling.fill_in(found, parameters, {**notebook, "server": server}, pointer)
    request = NotebookRequest(experiment, parameters, filled.rendered, target, filled.link_query)
    return await _open(user, where, request)


async def open_rendered(notebook: NotebookRequest, server: str, user: Identity) -> Answer:
    """Launch a notebook that is there already, and answer as `open_notebook` does."""
    urls.parse_new_server_name(server, "/server")
    return await _open(user, Where(server), notebook)


async def open_server(where: Where, user: Identity) -> Answer:
    """Start a server, wait as the header Prefer says, and return its URL."""
    urls.parse_new_server_name(where.server, "/server")
    return await _open(user, where, None)


async def start_server(
    server: str, user: Identity, project: ProjectRequest | None = None
) -> Answer:
    """Begin to start a server; returns its launch, a new one each time.

    A server that is kept for a project starts in the environment that it was made for.
    """
    where = Where(server)
    if project:
        where = Where(server, project.server.entrypoint or "", project.server.system or "")
    return await _response(await _begin(user, where, None, key=None, project=project))


async def open_project(
    user: Identity,
    target: on_behalf.Target,
    project: ProjectRequest,
    environment: Environment | None,
    opened: Callable[[Launch], Awaitable[Answer]],
    beside: Mapping[str, Any],
) -> Answer:
    """Launch a project, and wait as the header Prefer says.

    `opened` returns the response for a launch that is done. `beside` are members of the response
    for one that continues, beside those of the launch.
    """
    seconds = _seconds_to_wait()
    request = LaunchRequest(
        user=target.user,
        server=project.server.server,
        environment=environment,
        requested_by=target.requested_by,
        key=idempotency_key(),
        project=project,
    )
    launch = await here().launches.ended(await _open_audited(request), seconds)
    if launch.state != "done":
        return await _response(launch, beside)
    body, status, headers = await opened(launch)  # type: ignore[misc]
    return body, status, {**headers, **_status_link(launch)}


async def _open(user: Identity, where: Where, notebook: NotebookRequest | None) -> Answer:
    seconds = _seconds_to_wait()
    launch = await _begin(user, where, notebook, key=idempotency_key())
    return await _response(await here().launches.ended(launch, seconds))


async def _begin(
    user: Identity,
    where: Where,
    notebook: NotebookRequest | None,
    *,
    key: str | None,
    project: ProjectRequest | None = None,
) -> Launch:
    await here().readiness.require()
    target = await on_behalf.target(user)
    environment = await environment_of(target.user, where, in_notebook=notebook is not None)
    request = LaunchRequest(
        user=target.user,
        server=ServerRef(target.user, where.server),
        environment=environment,
        requested_by=target.requested_by,
        key=key,
        notebook=notebook,
        project=project,
    )
    return await _open_audited(request)


async def _open_audited(request: LaunchRequest) -> Launch:
    opens = here().project_servers.open if request.project else here().launches.open
    launch = await opens(request)
    if request.requested_by:
        _audit(launch, request)
    return launch


async def environment_of(user: str, where: Where, *, in_notebook: bool) -> Environment | None:
    """The environment that the body names, in its `notebook` or beside the server's name.

    None if it names none.
    """
    if not where.names_environment:
        return None
    try:
        return await here().spawning.environment(user, where.entrypoint, where.system)
    except BadRequest as error:
        if not in_notebook:
            for each in error.errors:
                each["pointer"] = each["pointer"].removeprefix("/notebook")
        raise


def _status_link(launch: Launch) -> dict[str, str]:
    return {"Link": f'<{path_of(launch)}>; rel="status"'}


async def _response(launch: Launch, beside: Mapping[str, Any] = NOTHING) -> Answer:
    status = _status_link(launch)
    if not launch.ended:
        headers = {**status, "Location": path_of(launch), "Retry-After": "2"}
        return {**await resource(launch), **beside}, 202, headers
    if launch.state == "done":
        url = url_of(launch, here().settings.public_url(origin()))
        return {"location": url}, 200, status
    error = _error(launch)
    error.headers = status
    raise error


def _error(launch: Launch) -> LauncherError:
    if launch.problem:
        return from_problem(launch.problem)
    return Cancelled("The launch was cancelled before it was done.")


def _audit(launch: Launch, request: LaunchRequest) -> None:
    """Log a launch on behalf of a user."""
    logs.audit(
        "launch_on_behalf",
        by=request.requested_by,
        by_kind="service",
        user=request.user,
        server=launch.server.name,
        experiment=launch.notebook and launch.notebook.experiment,
        launch_id=launch.id,
    )


def idempotency_key() -> str | None:
    """The header Idempotency-Key (IETF draft), None without one; raises BadRequest."""
    key = request_header("idempotency-key")
    if key and not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise BadRequest(
            "The header Idempotency-Key must have 1 to 255 visible ASCII characters, such as a"
            " UUID."
        )
    return key or None


def _seconds_to_wait() -> float:
    """The time to wait in the header Prefer (RFC 7240); invalid preferences are ignored."""
    most = float(here().settings.wait_timeout)
    preferences: dict[str, str] = {}
    for preference in request_header("prefer").lower().split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        preferences.setdefault(name.strip(), value.strip().strip('"'))
    wait = preferences.get("wait", "")
    if wait.isascii() and wait.isdigit() and len(wait) < 10:
        return min(most, float(wait))
    return 0.0 if "respond-async" in preferences else most
