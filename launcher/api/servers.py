"""Tag `servers`: the caller's servers, and the status of all starts."""

from contextlib import suppress
from typing import Any

from launcher import logs, urls
from launcher.api import here, on_behalf
from launcher.api.opening import start_server
from launcher.errors import Forbidden, HubRefused, NotFound
from launcher.hub import servers
from launcher.hub.servers import Stop
from launcher.hub.users import Identity
from launcher.server_ref import ServerRef

Result = tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]]


async def list_all(user: Identity) -> dict[str, Any]:
    """The caller's servers by name, stopped named servers included."""
    found = await servers.find_all(here().hub, _own(user, "").user)
    return {"servers": {name: _summary(name, model) for name, model in found.items()}}


async def get_default(user: Identity) -> dict[str, Any]:
    """The caller's default server."""
    return await _get(_own(user, ""))


async def get(server_name: str, user: Identity) -> dict[str, Any]:
    """One of the caller's servers."""
    return await _get(_own(user, server_name))


async def change_default(body: dict[str, Any], user: Identity) -> Result:
    """Stop or start the caller's default server."""
    return await _change(_own(user, ""), body["state"], user)


async def change(server_name: str, body: dict[str, Any], user: Identity) -> Result:
    """Stop or start one of the caller's servers; a stopped one stays listed."""
    return await _change(_own(user, server_name), body["state"], user)


async def stop_default(user: Identity) -> Result:
    """Stop the caller's default server, which cannot be removed."""
    return await _stop(_own(user, ""))


async def remove(server_name: str, user: Identity) -> Result:
    """Stop one of the caller's named servers, and remove it."""
    server = _own(user, server_name)
    await _get(server)
    return await _stop(server, remove=bool(server.name))


def _own(user: Identity, name: str) -> ServerRef:
    if user.is_service:
        raise Forbidden("A service has no servers.")
    return ServerRef(user.name, urls.parse_server_name(name, "/server_name"))


async def _get(server: ServerRef) -> dict[str, Any]:
    found = await servers.find_all(here().hub, server.user)
    if server.name and server.name not in found:
        raise NotFound(f"There is no server {server.name!r}. GET /servers lists yours.")
    return _summary(server.name, found.get(server.name, {}))


async def _change(server: ServerRef, state: str, user: Identity) -> Result:
    now = (await _get(server))["state"]
    if state == "running":
        return ({}, 204) if now == "running" else await start_server(server.name, user)
    return await _stop(server)


async def _stop(server: ServerRef, *, remove: bool = False) -> Result:
    stopped = await servers.stop(here().hub, server, remove=remove)
    if stopped is Stop.REFUSED:
        raise HubRefused(
            "The launcher may not stop servers: its role at the hub lacks the scope delete:servers."
        )
    if stopped is Stop.PENDING:
        with suppress(NotFound):  # it may have been removed by now
            return await _get(server), 202
    return {}, 204


def _summary(name: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "display_name": str(model.get("display_name") or name),
        "state": _state(model),
        "url": model.get("url"),
        "started": model.get("started"),
        "last_activity": model.get("last_activity"),
    }


def _state(model: dict[str, Any]) -> str:
    if pending := model.get("pending"):
        return {"spawn": "starting", "stop": "stopping"}.get(pending, "stopped")
    return "running" if model.get("ready") is True else "stopped"


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
