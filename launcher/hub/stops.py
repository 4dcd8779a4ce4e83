"""Requests to stop servers, and the hub's responses to them."""

from typing import Any

from launcher.errors import HubRefused, LauncherError
from launcher.hub import Hub, servers
from launcher.hub.responses import named_server_refusal
from launcher.outbound import Response
from launcher.server_ref import ServerRef

# the hub responds with 202 after its `slow_stop_timeout`, 10 s by default
STOP_SECONDS = 30.0


async def stop(hub: Hub, server: ServerRef, *, remove: bool = False) -> bool:
    """Stop the server, or its start; `remove` also deletes a named server.

    False if the hub is still stopping it. Raises NotFound for a named server that does not exist
    (unless it was to be removed), NamedServerRefused, HubUnavailable, HubRefused, UnknownUser.
    """
    answer = await _delete(hub, server, remove)
    if answer.status == 500 and (await servers.state(hub, server)).pending == "stop":
        # of two requests that interrupt a start at the same moment, one is a 500 and has no effect
        answer = await _delete(hub, server, remove)
    if answer.status in (202, 204):
        return answer.status == 204
    if answer.status == 404 and "has no server named" in servers.message(answer):
        if remove:
            return True
        raise servers.no_such_server(server)
    raise _refusal(hub, server, answer)


async def _delete(hub: Hub, server: ServerRef, remove: bool) -> Response:
    body: Any = {"remove": True} if remove else None
    return await hub.call(
        "DELETE", *server.api_segments, kind="hub.stop", seconds=STOP_SECONDS, json=body
    )


def _refusal(hub: Hub, server: ServerRef, answer: Response) -> LauncherError:
    if answer.status == 400:
        return named_server_refusal(answer)
    if answer.status == 403 and "not authorized with current scopes" in servers.message(answer):
        return HubRefused(
            "The launcher may not stop servers: its role at the hub lacks the scope delete:servers."
        )
    servers.raise_for_access(answer, server.user)
    return hub.unavailable(f"it responds with status {answer.status}")
