"""Tag `user`: who is asking."""

from typing import Any


async def get(token_info: dict[str, Any]) -> dict[str, Any]:
    """Who the credential says one is."""
    return {"name": token_info["sub"], "admin": token_info["admin"]}
