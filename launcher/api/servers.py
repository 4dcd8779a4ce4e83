"""Tag `servers`: the caller's servers, and the status of all starts."""

from typing import Any

from launcher import logs, urls
from launcher.api import Answer, here, on_behalf, query_parameter
from launcher.api.opening import start_server
from launcher.api.server_resource import resource
from launcher.errors import Forbidden, NotFound
from launcher.hub.servers import Server, no_such_server
from launcher.hub.users import Identity
from launcher.server_ref import ServerRef


async def list_all(user: Identity) -> dict[str, Any]:
    """The caller's servers by name, stopped ones included, or those that the filters name."""
    found = await here().project_servers.find_all(_own(user, "").user)
    shown = {name: resource(server, kept) for name, (server, kept) in found.items()}
    return {"servers": {name: each for name, each in shown.items() if _is_wanted(each)}}


def _is_wanted(server: dict[str, Any]) -> bool:
    """Whether the query asks for this server."""
    project = server["project"] or {}
    for name in ("namespace", "project", "branch", "commit_sha"):
        wanted, found = query_parameter(name), project.get(name) or ""
        # a short sha is the beginning of one
        is_same = found.startswith(wanted.lower()) if name == "commit_sha" else found == wanted
        if wanted and not (found and is_same):
            return False
    return query_parameter("state") in ("", server["state"])


async def get_default(user: Identity) -> dict[str, Any]:
    """The caller's default server."""
    return await _described(_own(user, ""))


async def get(server_name: str, user: Identity) -> dict[str, Any]:
    """One of the caller's servers."""
    return await _described(_own(user, server_name))


async def _described(server: ServerRef) -> dict[str, Any]:
    found = (await here().project_servers.find_all(server.user)).get(server.name)
    if found is None:
        raise no_such_server(server)
    return resource(*found)


async def change_default(body: dict[str, Any], user: Identity) -> Answer:
    """Stop or start the caller's default server."""
    return await _change(_own(user, ""), body["state"], user)


async def change(server_name: str, body: dict[str, Any], user: Identity) -> Answer:
    """Stop or start one of the caller's servers; a stopped one stays listed."""
    return await _change(_own(user, server_name), body["state"], user)


async def stop_default(user: Identity) -> Answer:
    """Stop the caller's default server, which cannot be removed."""
    return _stopping(await here().servers.stop(_own(user, "")))


async def remove(server_name: str, user: Identity) -> Answer:
    """Stop one of the caller's named servers, and remove it."""
    server = _own(user, server_name)
    try:
        stopping = await here().servers.stop(server, remove=True)
    except NotFound:
        # the server of a project may not have been made yet, or was removed at the hub
        if not await here().project_servers.forget(server):
            raise
        return {}, 204
    await here().project_servers.forget(server)
    return _stopping(stopping)


def _own(user: Identity, name: str) -> ServerRef:
    if user.is_service:
        raise Forbidden("A service has no servers.")
    return ServerRef(user.name, urls.parse_server_name(name, "/server_name"))


async def _change(server: ServerRef, state: str, user: Identity) -> Answer:
    if state == "stopped":
        return _stopping(await here().servers.stop(server))
    if (await _described(server))["state"] == "running":
        return {}, 204
    project = await here().project_servers.resume(server, user.groups)
    return await start_server(server.name, user, project)


def _stopping(server: Server | None) -> Answer:
    """The response for a server that is being stopped; None: it is stopped."""
    if server is None:
        return {}, 204
    name = ("servers", server.name) if server.name else ("server",)
    place = urls.join(here().settings.prefix, *name)
    return resource(server, None), 202, {"Location": place, "Retry-After": "2"}


async def starts(user: Identity) -> dict[str, Any]:
    """The status of all starts, for administrators."""
    _check_admin(user)
    return await _starts()


async def resume(user: Identity) -> dict[str, Any]:
    """Reset the circuit breaker and all cool-downs, for administrators."""
    _check_admin(user)
    await here().starter.resume()
    logs.audit("starts_resumed", **on_behalf.caller(user))
    return await _starts()


async def _starts() -> dict[str, Any]:
    now = await here().starter.status()
    return {
        "breaker": now.state,
        "retry_after": now.retry_after,
        "failed_in_a_row": now.failed,
        "last_failure": now.kind or None,
        "cooling_down": now.cooling_down,
        "in_flight": now.in_flight,
        "queued": now.queued,
        "limit": now.limit,
    }


def _check_admin(user: Identity) -> None:
    if not user.may_administer:
        raise Forbidden("Only an administrator of the hub (scope admin:servers) may do this.")
