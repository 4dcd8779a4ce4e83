"""On behalf of whom a caller acts: themselves, or a user that a service names (`?user=`)."""

from dataclasses import dataclass

from launcher import logs
from launcher.api import asked, here
from launcher.errors import BadRequest, Forbidden, NotFound
from launcher.hub import servers
from launcher.hub.users import Identity
from launcher.store.launches import Launch


@dataclass(frozen=True)
class Target:
    """For whom a launch is, and which service asks for it, if any."""

    user: str
    requested_by: str | None = None


async def target(user: Identity) -> Target:
    """For whom the caller launches; raises BadRequest, Forbidden, UnknownUser."""
    name, named = user.name, asked("user")
    if user.is_service:
        if not named:
            raise BadRequest("A service names the user that it launches for: add ?user=<name>.")
        return Target(await _known(named), requested_by=name)
    if named not in ("", name):
        logs.audit("launch_denied", **caller(user), user=named)
        raise Forbidden(
            "Only a service whose role holds the scope custom:launcher:on-behalf may launch for"
            " somebody else."
        )
    return Target(name)


def caller(user: Identity) -> dict[str, str]:
    """The fields of an audit line for who asks: a service may have the name of a user."""
    kind = "service" if user.is_service else "user"
    return {"by": user.name, "by_kind": kind}


async def _known(name: str) -> str:
    """The hub's spelling of the name; raises UnknownUser."""
    try:
        return await servers.canonical_name(here().hub, name)
    except ValueError as error:
        raise BadRequest("user is not the name of a user.") from error


def visible(user: Identity) -> dict[str, str]:
    """Which launches the caller may see, as columns and their values; raises Forbidden.

    One's own; with `?user=` an administrator sees anybody's. A service sees those that it made.
    """
    name, named = user.name, asked("user")
    if user.is_service:
        return {"requested_by": name, **({"user": named} if named else {})}
    if named not in ("", name) and not user.may_administer:
        raise Forbidden("Only an administrator may see the launches of somebody else.")
    return {"user": named or name}


async def find(launch_id: str, user: Identity) -> Launch:
    """The launch with that id, when the caller may see it; raises NotFound."""
    try:
        where = visible(user)
    except Forbidden:
        where = {"user": user.name}
    launch = await here().launches.find(launch_id)
    if launch is None or any(getattr(launch, name) != value for name, value in where.items()):
        raise NotFound("There is no such launch. GET /launches lists yours.")
    return launch
