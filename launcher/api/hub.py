"""Tag `hub`: what the hub asks when it starts a server."""

from typing import Any

from launcher.api import Answer, here
from launcher.api.entrypoints import selection
from launcher.errors import BadRequest, Forbidden
from launcher.spawn.errors import SpecificationError
from launcher.spawn.protocol import HandedOver, SpawnQuestion


async def selected(user_name: str, system: str) -> dict[str, Any]:
    """The entrypoint that a user selected on a system."""
    return await selection(user_name, system)


async def spawn(user_name: str, system: str, body: dict[str, Any], user: str) -> dict[str, Any]:
    """How a server of the user starts now; only the spawn hook may ask."""
    _require_hook(user)
    try:
        question = SpawnQuestion.from_json(body)
    except SpecificationError as error:
        raise BadRequest(str(error)) from error
    return (await here().spawning.answer(user_name, system, question)).to_json()


async def hand_over(user_name: str, system: str, body: dict[str, Any], user: str) -> dict[str, Any]:
    """Keep the token of a server that starts in what was answered, for the hook alone."""
    _require_hook(user)
    try:
        handed = HandedOver.from_json(body)
    except SpecificationError as error:
        raise BadRequest(str(error)) from error
    await here().spawning.hand_over(user_name, system, handed)
    return {}


async def hand_over_git_token(user_name: str, body: dict[str, Any], user: str) -> Answer:
    """Keep the token of the user's sign-in for a git host; null deletes an earlier one."""
    _require_hook(user)
    credentials = here().credentials
    host = credentials.host_at(body["url"])
    if body["token"] is None:
        await credentials.withdraw(user_name, host)
    else:
        await credentials.hand_over(user_name, host, body["token"])
    return {}, 204


def _require_hook(user: str) -> None:
    if user != "hook":
        raise Forbidden("Only the hub's spawn hook may ask this, with its own secret.")
