"""Tag `user`: who is asking."""

from typing import Any

from launcher.hub.users import Identity


async def get(user: Identity) -> dict[str, Any]:
    """Who the credential says one is."""
    return {"name": user.name, "admin": user.may_administer}
