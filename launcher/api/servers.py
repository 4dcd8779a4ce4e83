"""Tag `servers`: the caller's servers, and the status of all starts."""

from dataclasses import asdict
from typing import Any

from launcher import logs, urls
from launcher.api import Answer, here, on_behalf
from launcher.api.opening import start_server
from launcher.errors import Forbidden
from launcher.hub.servers import Server
from launcher.hub.users import Identity
from launcher.server_ref import ServerRef


async def list_all(user: Identity) -> dict[str, Any]:
    """The caller's servers by name, stopped ones included."""
    found = await here().servers.find_all(_own(user, "").user)
    return {"servers": {name: asdict(server) for name, server in found.items()}}


async def get_default(user: Identity) -> dict[str, Any]:
    """The caller's default server."""
    return asdict(await here().servers.find(_own(user, "")))


async def get(server_name: str, user: Identity) -> dict[str, Any]:
    """One of the caller's servers."""
    return asdict(await here().servers.find(_own(user, server_name)))


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
    return _stopping(await here().servers.stop(_own(user, server_name), remove=True))


def _own(user: Identity, name: str) -> ServerRef:
    if user.is_service:
        raise Forbidden("A service has no servers.")
    return ServerRef(user.name, urls.parse_server_name(name, "/server_name"))


async def _change(server: ServerRef, state: str, user: Identity) -> Answer:
    if state == "stopped":
        return _stopping(await here().servers.stop(server))
    if (await here().servers.find(server)).state == "running":
        return {}, 204
    return await start_server(server.name, user)


def _stopping(server: Server | None) -> Answer:
    """The response for a server that is being stopped; None: it is stopped."""
    if server is None:
        return {}, 204
    name = ("servers", server.name) if server.name else ("server",)
    place = urls.join(here().settings.prefix, *name)
    return asdict(server), 202, {"Location": place, "Retry-After": "2"}


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
