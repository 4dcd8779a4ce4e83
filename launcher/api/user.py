"""Tag `user`: the caller."""

from typing import Any

from launcher.hub.users import Identity


async def get(user: Identity) -> dict[str, Any]:
    """The owner of the credential."""
    return {"name": user.name, "admin": user.may_administer}
