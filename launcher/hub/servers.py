"""A user's server as the hub sees it, and the request to start it."""

from dataclasses import dataclass

from launcher.errors import UnknownUser
from launcher.hub import Hub, refused, unavailable
from launcher.outbound import Answer, Unreachable

# `slow_spawn_timeout` of the hub, after which it answers 202, is 10 s by default
START_SECONDS = 30.0


@dataclass(frozen=True)
class ServerState:
    """Whether a server can be used, and what the hub is doing with it: '', 'spawn' or 'stop'."""

    ready: bool
    pending: str


STOPPED = ServerState(ready=False, pending="")


async def state(hub: Hub, user: str) -> ServerState:
    """The state of the user's default server; raises HubUnavailable, HubRefused, UnknownUser.

    `ready` may be stale: that a process died, the hub notices at a start only.
    """
    answer = await hub.call("GET", "users", user)
    _raise_for_access(answer, user)
    if answer.status != 200:
        raise unavailable()
    try:
        model = answer.json()["servers"].get("")
    except (Unreachable, KeyError, TypeError, AttributeError) as error:
        raise unavailable() from error
    if not model:
        return STOPPED
    return ServerState(ready=model.get("ready") is True, pending=model.get("pending") or "")


async def post_start(hub: Hub, user: str) -> Answer:
    """The hub's answer to a request to start; raises HubUnavailable, HubRefused, UnknownUser.

    Repeating it is harmless, as long as the start does not fail.
    """
    answer = await hub.call("POST", "users", user, "server", seconds=START_SECONDS)
    _raise_for_access(answer, user)
    return answer


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
