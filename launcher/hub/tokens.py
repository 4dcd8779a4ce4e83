"""Tokens with access to one user's server and nothing else.

The hub issues them to the launcher (`POST /users/{name}/tokens`, JupyterHub REST API, scope
`tokens`). A user's server runs code that its user controls: it gets such a token, and never the
launcher's own.
"""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass

from cachetools import LRUCache

from launcher.errors import HubRefused, LauncherError
from launcher.hub import Hub, servers
from launcher.outbound import OutboundError, Response
from launcher.server_ref import ServerRef
from launcher.singleflight import SingleFlight

LIFETIME_SECONDS = 3600
# a token is renewed when this part of its lifetime is left, so that it does not expire in a call
RENEWED_BEFORE = 0.1
MAX_REMEMBERED = 10_000
NOTE = "launcher"


@dataclass(frozen=True)
class _Token:
    value: str
    renew_at: float
    """In seconds of the monotonic clock."""


class ServerTokens:
    """Issues and caches the tokens for users' servers."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lifetime = LIFETIME_SECONDS
        self._tokens: LRUCache[ServerRef, _Token] = LRUCache(MAX_REMEMBERED)
        self._single_flight: SingleFlight[_Token] = SingleFlight()
        self._preparing: set[asyncio.Task[None]] = set()

    async def token_for(self, server: ServerRef) -> str:
        """A token with access to this server and no other one.

        Raises HubRefused if the launcher may not issue it, HubUnavailable, UnknownUser.
        """
        token = self._kept(server) or await self._single_flight.share(
            server, lambda: self._issue(server)
        )
        return token.value

    def has_token(self, server: ServerRef) -> bool:
        """Whether a token for the server is cached."""
        return self._kept(server) is not None

    def prepare(self, server: ServerRef) -> None:
        """Request the token in the background, unless it is cached."""
        if not self.has_token(server):
            task = asyncio.create_task(self._prepare(server))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)

    def forget(self, server: ServerRef, token: str) -> None:
        """Remove a token from the cache: the user's server refused it."""
        kept = self._tokens.get(server)
        if kept and kept.value == token:
            del self._tokens[server]

    def close(self) -> None:
        """Cancel the requests in the background."""
        for task in self._preparing:
            task.cancel()

    def _kept(self, server: ServerRef) -> _Token | None:
        token = self._tokens.get(server)
        return token if token and token.renew_at > time.monotonic() else None

    async def _prepare(self, server: ServerRef) -> None:
        with suppress(LauncherError):  # `token_for` raises it again when the token is needed
            await self.token_for(server)

    async def _issue(self, server: ServerRef) -> _Token:
        requested_at = time.monotonic()
        answer = await self._request(server)
        if answer.status == 400 and (most := _max_lifetime(answer)):
            self._lifetime = most
            answer = await self._request(server)
        if answer.status == 403:
            await self._raise_reason(server)
        value = _token_in(self._hub, answer)
        token = _Token(value, requested_at + (1 - RENEWED_BEFORE) * self._lifetime)
        self._tokens[server] = token
        return token

    async def _request(self, server: ServerRef) -> Response:
        body = {
            "scopes": [server.access_scope],
            "expires_in": self._lifetime,
            "note": NOTE,
        }
        return await self._hub.call(
            "POST", "users", server.user, "tokens", kind="hub.token", json=body
        )

    async def _raise_reason(self, server: ServerRef) -> None:
        """Raise the reason for a 403: UnknownUser or HubRefused."""
        await servers.state(self._hub, server)
        raise HubRefused(
            f"The launcher may not request a token for the server of {server.user!r}. Its service"
            " needs the scope tokens, or tokens!group=… with a group that this user is in."
        )


def _max_lifetime(answer: Response) -> int:
    """The hub's token_expires_in_max_seconds, if the response is about that; else 0."""
    found = re.search(r"must not exceed ([0-9]{1,9})\b", servers.message(answer))
    return int(found[1]) if found else 0


def _token_in(hub: Hub, answer: Response) -> str:
    if answer.status in (200, 201):
        try:
            value = answer.json()["token"]
        except (OutboundError, KeyError, TypeError) as error:
            raise hub.unavailable() from error
        if isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,1024}", value):
            return value
        raise hub.unavailable()
    raise hub.unavailable(f"it responds with status {answer.status}")
