"""The state of users' servers at the hub, and requests to start them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from launcher.errors import NotFound, UnknownUser
from launcher.hub import Hub, refused
from launcher.hub.version import HAS_ENVELOPE, version
from launcher.outbound import OutboundError, Response
from launcher.server_ref import ServerRef

# the hub responds with 202 after its `slow_spawn_timeout`, 10 s by default
START_SECONDS = 30.0


@dataclass(frozen=True)
class ServerState:
    """Whether a server is ready, and the hub's pending action: '', 'spawn' or 'stop'."""

    ready: bool
    pending: str
    started_at: float = 0.0
    """When its start was requested, in seconds since 1970; 0 if unknown."""


STOPPED = ServerState(ready=False, pending="")


async def state(hub: Hub, server: ServerRef) -> ServerState:
    """The state of a server; raises HubUnavailable, HubRefused, UnknownUser.

    `ready` may be stale: the hub notices that a server's process died only at the next start.
    """
    model = (await _user(hub, server.user))["servers"].get(server.name)
    if not isinstance(model, dict) or not model:
        return STOPPED
    return ServerState(
        ready=model.get("ready") is True,
        pending=model.get("pending") or "",
        started_at=_seconds(model.get("started")),
    )


@dataclass(frozen=True)
class Server:
    """A user's server, for the user: `state` is running, starting, stopping or stopped."""

    name: str
    display_name: str
    state: str
    url: str | None
    started: str | None
    last_activity: str | None

    @classmethod
    def from_model(cls, name: str, model: Mapping[str, Any]) -> "Server":
        """The server in a model of the hub; a stopped one if the model is empty."""
        return cls(
            name=name,
            display_name=str(model.get("display_name") or name),
            state=_state(model),
            url=model.get("url"),
            started=model.get("started"),
            last_activity=model.get("last_activity"),
        )


# after its restart the hub checks whether servers still run; one that is renamed does not run
_STATES = {"spawn": "starting", "check": "starting", "stop": "stopping", "rename": "stopped"}


def _state(model: Mapping[str, Any]) -> str:
    if pending := model.get("pending"):
        return _STATES.get(pending, "stopped")
    return "running" if model.get("ready") is True else "stopped"


async def find_all(hub: Hub, user: str) -> dict[str, Server]:
    """The user's servers by name, stopped ones and always the default one included.

    Raises HubUnavailable, HubRefused, UnknownUser.
    """
    models = (await _user(hub, user, query={"include_stopped_servers": "1"}))["servers"]
    # the hub lists a default server that is stopped only if it ran before
    return {
        name: Server.from_model(name, model)
        for name, model in {"": {}, **models}.items()
        if isinstance(model, dict)
    }


async def canonical_name(hub: Hub, user: str) -> str:
    """The hub's spelling of a user's name; raises HubUnavailable, HubRefused, UnknownUser."""
    return str((await _user(hub, user))["name"])


async def _user(hub: Hub, user: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    answer = await hub.call("GET", "users", user, kind="hub.state", query=query)
    raise_for_access(answer, user)
    if answer.status != 200:
        raise hub.unavailable(f"it responds with status {answer.status}")
    try:
        model = answer.json()
    except OutboundError as error:
        raise hub.unavailable(str(error)) from error
    if not (isinstance(model, dict) and "name" in model and isinstance(model.get("servers"), dict)):
        raise hub.unavailable()
    return model


def _seconds(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


async def post_start(
    hub: Hub, server: ServerRef, user_options: Mapping[str, object] | None = None
) -> Response:
    """Request a start; returns the hub's response. Raises HubUnavailable, HubRefused, UnknownUser.

    The request may be repeated, unless the start failed. Without `user_options` the hub uses those
    of the last start.
    """
    more: dict[str, Any] = {}
    if user_options is not None:
        more["json"] = await _options_body(hub, user_options)
    answer = await hub.call(
        "POST", *server.api_segments, kind="hub.start", seconds=START_SECONDS, **more
    )
    raise_for_access(answer, server.user)
    return answer


async def _options_body(hub: Hub, options: Mapping[str, object]) -> Mapping[str, object]:
    """The body with the options: from JupyterHub 6 on they are a field of it."""
    known = await version(hub)
    return options if known and known < HAS_ENVELOPE else {"user_options": options}


def no_such_server(server: ServerRef) -> NotFound:
    """The error for a named server that does not exist."""
    return NotFound(f"There is no server {server.name!r}. GET /servers lists yours.")


def message(answer: Response) -> str:
    """The message in a JSON error of the hub, or ''."""
    try:
        return str(answer.json().get("message") or "")
    except (OutboundError, AttributeError):
        return ""


def raise_for_access(answer: Response, user: str) -> None:
    """Raise UnknownUser or HubRefused if the hub's response says so."""
    if answer.status == 404:
        raise UnknownUser(
            f"The hub does not know the user {user!r} any more. Sign in to the hub once, then try"
            " again."
        )
    # a hook may refuse with 403, too; the message tells an error of token or scopes from that
    if answer.status in (401, 403) and _is_about_access(message(answer)):
        raise refused()


def _is_about_access(text: str) -> bool:
    known = ("Missing or invalid credentials", "Action is not authorized with current scopes")
    return not text or text.startswith(known)
