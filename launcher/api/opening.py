"""Begins launches and builds their responses, for all operations that launch."""

import re
from typing import Any

from launcher import logs, urls
from launcher.api import Answer, here, on_behalf, origin, request_header
from launcher.api.launch_resource import location, path_of, resource
from launcher.errors import BadRequest, Cancelled, LauncherError, from_problem
from launcher.hub.users import Identity
from launcher.launches.request import LaunchRequest, NotebookRequest, NotebookTarget
from launcher.server_ref import ServerRef
from launcher.store.launches import Launch


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
    rendered = here().experiments.find(experiment).render(parameters, pointer)
    return await _open(user, server, NotebookRequest(experiment, parameters, rendered, target))


async def open_server(server: str, user: Identity) -> Answer:
    """Start a server, wait as the header Prefer says, and return its URL."""
    return await _open(user, urls.parse_new_server_name(server, "/server"), None)


async def start_server(server: str, user: Identity) -> Answer:
    """Begin to start a server; returns its launch, a new one each time."""
    return await _response(await _begin(user, server, None, key=None))


async def _open(user: Identity, server: str, notebook: NotebookRequest | None) -> Answer:
    seconds = _seconds_to_wait()
    launch = await _begin(user, server, notebook, key=_idempotency_key())
    return await _response(await here().launches.ended(launch, seconds))


async def _begin(
    user: Identity, server: str, notebook: NotebookRequest | None, *, key: str | None
) -> Launch:
    parts = here()
    await parts.readiness.require()
    target = await on_behalf.target(user)
    request = LaunchRequest(
        user=target.user,
        server=ServerRef(target.user, server),
        requested_by=target.requested_by,
        key=key,
        notebook=notebook,
    )
    launch = await parts.launches.open(request)
    if request.requested_by:
        _audit(launch, request)
    return launch


async def _response(launch: Launch) -> Answer:
    status = {"Link": f'<{path_of(launch)}>; rel="status"'}
    if not launch.ended:
        headers = {**status, "Location": path_of(launch), "Retry-After": "2"}
        return await resource(launch), 202, headers
    if launch.state == "done":
        url = location(launch, here().settings.public_url(origin()))
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


def _idempotency_key() -> str | None:
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
