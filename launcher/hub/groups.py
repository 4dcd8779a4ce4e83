"""The members of the hub's groups."""

from launcher.errors import HubRefused, NotFound
from launcher.hub import Hub
from launcher.outbound import OutboundError

# a group of ten thousand members has about 200 kB
GROUP_BYTES = 4 * 2**20


async def members(hub: Hub, group: str) -> frozenset[str]:
    """The names of a group's members; raises HubUnavailable, HubRefused, NotFound.

    Needs the scope `read:groups`, for this group at least (JupyterHub's document "Scopes").
    """
    try:
        answer = await hub.call("GET", "groups", group, kind="hub.group", most=GROUP_BYTES)
    except ValueError as error:  # a name with a slash can be no part of an address
        raise NotFound(f"The hub has no group {group!r}.") from error
    if answer.status == 404:
        # so it also answers for a group that a filtered scope does not include
        raise NotFound(
            f"The hub has no group {group!r}, or the launcher may not see it. The launcher's"
            f" service needs the scope read:groups or read:groups!group={group}."
        )
    if answer.status in (401, 403):
        raise HubRefused(
            "The launcher may not see who is in the hub's groups. An administrator gives its"
            f" service the scope read:groups, or read:groups!group={group}."
        )
    if answer.status != 200:
        raise hub.unavailable(f"it responds with status {answer.status}")
    try:
        model = answer.json()
    except OutboundError as error:
        raise hub.unavailable(str(error)) from error
    found = model.get("users") if isinstance(model, dict) else None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise hub.unavailable()
    return frozenset(found)
