"""Tag `project-server`: what the checkout in a user's server reports and asks for."""

from typing import Any

from launcher import logs
from launcher.api import here
from launcher.errors import Ended, NotFound
from launcher.server_ref import ServerRef


async def progress(body: dict[str, Any], user: ServerRef) -> tuple[dict[str, Any], int]:
    """Record what the checkout in a server reports; `user` is the server."""
    taken = await here().checkouts.reported(
        user,
        body["launch"],
        message=body["message"],
        progress=body["progress"],
        state=body.get("state"),
    )
    if not taken:
        raise Ended("This start of the server does not check a project out any more.")
    return {}, 200


async def credential(body: dict[str, Any], user: ServerRef) -> dict[str, str]:
    """The credential of the git host, once in each start; `user` is the server."""
    found = await here().checkout_credentials.give(user, body["url"])
    if found is None:
        raise NotFound("There is no credential for this, or the checkout has got it already.")
    logs.audit("git_credential_given", user=user.user, server=user.name)
    return {"username": found.username, "password": found.password}
