"""Tag `git_hosts`: the git hosts of the site, and the caller's access tokens for them."""

from typing import Any
from urllib.parse import urlsplit

from launcher import logs
from launcher.api import Answer, here
from launcher.errors import Forbidden
from launcher.hub.users import Identity
from launcher.projects.model import GitCredential, GitHost

_SOURCES = {"user": "stored", "sign-in": "sign-in"}


async def list_all(user: Identity) -> dict[str, Any]:
    """The hosts that projects may be on, and where the caller's token for each comes from."""
    held = await here().credentials.held(_own(user))
    found = [(host, held.get(host.url, "")) for host in here().git_hosts]
    return {"git_hosts": [_shown(host, _SOURCES.get(source)) for host, source in found]}


async def store_token(host: str, body: dict[str, Any], user: Identity) -> Answer:
    """Keep a token of the caller for a host."""
    name, found = _own(user), here().credentials.host(host)
    credential = GitCredential(found.url, body["token"], body.get("username", ""))
    await here().credentials.store_token(name, found, credential)
    logs.audit("git_token_stored", user=name, host=found.url)
    return {}, 204


async def remove_token(host: str, user: Identity) -> Answer:
    """Delete the caller's tokens for a host."""
    name, found = _own(user), here().credentials.host(host)
    await here().credentials.remove(name, found)
    logs.audit("git_token_removed", user=name, host=found.url)
    return {}, 204


def _own(user: Identity) -> str:
    if user.is_service:
        raise Forbidden("A service has no tokens for git hosts.")
    return user.name


def _shown(host: GitHost, token: str | None) -> dict[str, Any]:
    return {
        "host": urlsplit(host.url).netloc,
        "url": host.url,
        "display_name": host.display_name,
        "provider": host.provider_name,
        "min_access": host.min_access.value,
        "token": token,
    }
