"""Which JupyterHub it is, where versions differ in what the launcher needs."""

import re

from launcher.errors import HubUnavailable
from launcher.hub import Hub
from launcher.outbound import OutboundError

# the first that the launcher runs beside
OLDEST = (5, 2, 0)
# the first that lets a service make tokens for users that a filtered scope names
FILTERS_TOKENS = (5, 5, 3)
# the first that does not count a hook's refusal among the failures in a row
LEAVES_REFUSALS = (6, 0, 0)


async def version(hub: Hub) -> tuple[int, int, int] | None:
    """Major, minor and micro version of the hub, None when it does not say."""
    try:
        answer = await hub.call("GET", kind="hub.version")
        found = re.match(
            r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", str(answer.json()["version"]), re.ASCII
        )
    except (HubUnavailable, OutboundError, LookupError, TypeError):
        return None
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
