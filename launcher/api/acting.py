"""For whom a caller acts: themselves, or, with the right scope, somebody they name (`?user=`)."""

from typing import Any

from launcher import logs
from launcher.api import asked, here
from launcher.errors import BadRequest, Forbidden, NotFound
from launcher.hub import servers
from launcher.orders import Order
from launcher.store.launches import Launch


async def order(token_info: dict[str, Any]) -> Order:
    """Whose server a launch is for, and on whose behalf; raises BadRequest, Forbidden."""
    name, named = token_info["sub"], asked("user")
    if token_info["service"]:
        if not named:
            raise BadRequest("A service names the user that it launches for: add ?user=<name>.")
        user = await _known(named)
        return Order(user=user, requested_by=name)
    if named not in ("", name):
        logs.audit("launch_denied", **caller(token_info), user=named)
        raise Forbidden(
            "Only a service whose role holds the scope custom:launcher:on-behalf may launch for"
            " somebody else."
        )
    return Order(user=name)


def caller(token_info: dict[str, Any]) -> dict[str, str]:
    """The fields of an audit line for who asks: a service may have the name of a user."""
    kind = "service" if token_info["service"] else "user"
    return {"by": token_info["sub"], "by_kind": kind}


async def _known(name: str) -> str:
    """The hub's spelling of the name; raises UnknownUser."""
    try:
        return await servers.canonical_name(here().hub, name)
    except ValueError as error:
        raise BadRequest("user is not the name of a user.") from error


def visible(token_info: dict[str, Any]) -> dict[str, str]:
    """Which launches the caller may see, as columns and their values; raises Forbidden.

    One's own; with `?user=` an administrator sees anybody's. A service sees those that it made.
    """
    name, named = token_info["sub"], asked("user")
    if token_info["service"]:
        return {"requested_by": name, **({"user": named} if named else {})}
    if named not in ("", name) and not token_info["admin"]:
        raise Forbidden("Only an administrator may see the launches of somebody else.")
    return {"user": named or name}


async def find(launch_id: str, token_info: dict[str, Any]) -> Launch:
    """The launch with that id, when the caller may see it; raises NotFound."""
    try:
        where = visible(token_info)
    except Forbidden:
        where = {"user": token_info["sub"]}
    launch = await here().launches.find(launch_id)
    if launch is None or any(getattr(launch, name) != value for name, value in where.items()):
        raise NotFound("There is no such launch. GET /launches lists yours.")
    return launch
