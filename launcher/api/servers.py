"""Tag `servers`: the caller's servers, and how starts are going."""

from typing import Any

from launcher import logs
from launcher.api import acting, here
from launcher.errors import Forbidden
from launcher.hub import servers


async def list_all(token_info: dict[str, Any]) -> dict[str, Any]:
    """The caller's servers, as the hub says."""
    if token_info["service"]:
        raise Forbidden("A service has no servers.")
    found = await servers.find_all(here().hub, token_info["sub"])
    return {"servers": [_summary(model) for model in found]}


def _summary(model: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": str(model.get("name") or ""),
        "ready": model.get("ready") is True,
        "pending": model.get("pending"),
        "url": model.get("url"),
        "started": model.get("started"),
        "last_activity": model.get("last_activity"),
    }


async def starts(token_info: dict[str, Any]) -> dict[str, Any]:
    """How the starts of servers are going."""
    _check_admin(token_info)
    return await _starts()


async def resume(token_info: dict[str, Any]) -> dict[str, Any]:
    """Let servers be started again, after some that failed."""
    _check_admin(token_info)
    await here().starter.resume()
    logs.audit("starts_resumed", **acting.caller(token_info))
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


def _check_admin(token_info: dict[str, Any]) -> None:
    if not token_info["admin"]:
        raise Forbidden("Only an administrator of the hub (scope admin:servers) may do this.")
