"""The user for whom a caller acts: the caller, or the user that a service names (`?user=`)."""

from dataclasses import dataclass

from launcher import logs
from launcher.api import here, query_parameter
from launcher.errors import BadRequest, Forbidden, NotFound
from launcher.hub import servers
from launcher.hub.users import Identity
from launcher.store.launches import Launch


@dataclass(frozen=True)
class Target:
    """The user of a launch, and the service that requests it, if any."""

    user: str
    requested_by: str | None = None


async def target(user: Identity) -> Target:
    """The user for whom the caller launches; raises BadRequest, Forbidden, UnknownUser."""
    name, named = user.name, query_parameter("user")
    if user.is_service:
        if not named:
            raise BadRequest("A service has to name the user that it launches for: ?user=<name>.")
        return Target(await _known(named), requested_by=name)
    if named not in ("", name):
        logs.audit("launch_denied", **caller(user), user=named)
        raise Forbidden(
            "Only a service whose role has the scope custom:launcher:on-behalf may launch for"
            " another user."
        )
    return Target(name)


def caller(user: Identity) -> dict[str, str]:
    """The fields of an audit line for the caller; a service may have the name of a user."""
    kind = "service" if user.is_service else "user"
    return {"by": user.name, "by_kind": kind}


async def _known(name: str) -> str:
    """The hub's spelling of the name; raises UnknownUser."""
    try:
        return await servers.canonical_name(here().hub, name)
    except ValueError as error:
        raise BadRequest("user is not the name of a user.") from error


def visible(user: Identity) -> dict[str, str]:
    """The launches that the caller may see, as columns and their values; raises Forbidden.

    Users see their own, and administrators those of `?user=`. A service sees those it requested.
    """
    name, named = user.name, query_parameter("user")
    if user.is_service:
        return {"requested_by": name, **({"user": named} if named else {})}
    if named not in ("", name) and not user.may_administer:
        raise Forbidden("Only an administrator may see the launches of another user.")
    return {"user": named or name}


async def find(launch_id: str, user: Identity) -> Launch:
    """The launch with that id, if the caller may see it; raises NotFound."""
    try:
        where = visible(user)
    except Forbidden:
        where = {"user": user.name}
    launch = await here().launches.find(launch_id)
    if launch is None or any(getattr(launch, name) != value for name, value in where.items()):
        raise NotFound("There is no such launch. GET /launches lists yours.")
    return launch
