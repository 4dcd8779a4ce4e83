"""A user's server as the hub sees it, and the request to start it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from launcher.errors import UnknownUser
from launcher.hub import Hub, refused
from launcher.outbound import Answer, Unreachable

# `slow_spawn_timeout` of the hub, after which it answers 202, is 10 s by default
START_SECONDS = 30.0


@dataclass(frozen=True)
class ServerState:
    """Whether a server can be used, and what the hub is doing with it: '', 'spawn' or 'stop'."""

    ready: bool
    pending: str
    started_at: float = 0.0
    """When its start was asked for, in seconds since 1970; 0 when the hub does not say."""


STOPPED = ServerState(ready=False, pending="")


async def state(hub: Hub, user: str) -> ServerState:
    """The state of the user's default server; raises HubUnavailable, HubRefused, UnknownUser.

    `ready` may be stale: that a process died, the hub notices at a start only.
    """
    model = (await _user(hub, user))["servers"].get("")
    if not isinstance(model, dict) or not model:
        return STOPPED
    return ServerState(
        ready=model.get("ready") is True,
        pending=model.get("pending") or "",
        started_at=_seconds(model.get("started")),
    )


async def find_all(hub: Hub, user: str) -> list[dict[str, Any]]:
    """The user's servers as the hub's models say; raises HubUnavailable, HubRefused, UnknownUser.

    A default server that is stopped is not among them.
    """
    models = (await _user(hub, user))["servers"].values()
    return [dict(model) for model in models if isinstance(model, dict)]


async def canonical_name(hub: Hub, user: str) -> str:
    """The hub's spelling of a user's name; raises HubUnavailable, HubRefused, UnknownUser."""
    return str((await _user(hub, user))["name"])


async def _user(hub: Hub, user: str) -> dict[str, Any]:
    answer = await hub.call("GET", "users", user, kind="hub.state")
    _raise_for_access(answer, user)
    if answer.status != 200:
        raise hub.unavailable(f"it answers with status {answer.status}")
    try:
        model = answer.json()
    except Unreachable as error:
        raise hub.unavailable(str(error)) from error
    if not (isinstance(model, dict) and "name" in model and isinstance(model.get("servers"), dict)):
        raise hub.unavailable()
    return model


def _seconds(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


async def post_start(hub: Hub, user: str) -> Answer:
    """The hub's answer to a request to start; raises HubUnavailable, HubRefused, UnknownUser.

    Repeating it is harmless, as long as the start does not fail.
    """
    answer = await hub.call(
        "POST", "users", user, "server", kind="hub.start", seconds=START_SECONDS
    )
    _raise_for_access(answer, user)
    return answer


async def stop(hub: Hub, user: str) -> bool:
    """Have the hub stop the user's default server, or its start; whether it does so.

    A hub that does not let us (no scope delete:servers) leaves it running. Raises HubUnavailable.
    """
    answer = await hub.call(
        "DELETE", "users", user, "server", kind="hub.stop", seconds=START_SECONDS
    )
    return answer.status in (202, 204)


def message(answer: Answer) -> str:
    """The sentence in one of the hub's JSON errors, or ''."""
    try:
        return str(answer.json().get("message") or "")
    except (Unreachable, AttributeError):
        return ""


def _raise_for_access(answer: Answer, user: str) -> None:
    if answer.status == 404:
        raise UnknownUser(
            f"The hub does not know the user {user!r} any more. Sign in to the hub once, then try"
            " again."
        )
    # a hook that refuses with 403 says why; a token or scope problem is known by its words
    if answer.status in (401, 403) and _is_about_access(message(answer)):
        raise refused()


def _is_about_access(text: str) -> bool:
    known = ("Missing or invalid credentials", "Action is not authorized with current scopes")
    return not text or text.startswith(known)
