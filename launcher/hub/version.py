"""The hub's version, and the versions of JupyterHub with differences that matter here."""

import re

from launcher.errors import HubUnavailable
from launcher.hub import Hub
from launcher.outbound import OutboundError

# the oldest supported version
OLDEST = (5, 2, 0)
# the first version that lets a service issue tokens with a filtered scope tokens!group=…
FILTERS_TOKENS = (5, 5, 3)
# the first version that does not count a hook's refusal as a consecutive failure
IGNORES_REFUSALS = (6, 0, 0)

# the first version whose request to start a server has an object around the user's options
HAS_ENVELOPE = (6, 0, 0)


async def version(hub: Hub) -> tuple[int, int, int] | None:
    """Major, minor and micro version of the hub; None if unknown."""
    try:
        answer = await hub.call("GET", kind="hub.version")
        found = re.match(
            r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", str(answer.json()["version"]), re.ASCII
        )
    except (HubUnavailable, OutboundError, LookupError, TypeError):
        return None
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
