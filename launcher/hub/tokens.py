"""Tokens that open one user's server and nothing else.

The hub makes them on the launcher's behalf (`POST /users/{name}/tokens`, JupyterHub REST API, scope
`tokens`). A user's server is code that its user controls: it gets a token of this kind and never
the service's own.
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
# a token is renewed before its end, by this part of its life: no call may outlive it
RENEWED_BEFORE = 0.1
MAX_REMEMBERED = 10_000
NOTE = "launcher"


@dataclass(frozen=True)
class _Token:
    value: str
    renew_at: float
    """By the monotonic clock, in seconds."""


class ServerTokens:
    """Where the token for a user's server comes from; each is kept until shortly before its end."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lifetime = LIFETIME_SECONDS
        self._tokens: LRUCache[ServerRef, _Token] = LRUCache(MAX_REMEMBERED)
        self._single_flight: SingleFlight[_Token] = SingleFlight()
        self._early: set[asyncio.Task[None]] = set()

    async def token_for(self, server: ServerRef) -> str:
        """A token that opens this server, and no other one.

        Raises HubRefused when the launcher may not make it, HubUnavailable, UnknownUser.
        """
        token = self._kept(server) or await self._single_flight.share(
            server, lambda: self._mint(server)
        )
        return token.value

    def has_token(self, server: ServerRef) -> bool:
        """Whether a token for the server is cached."""
        return self._kept(server) is not None

    def prepare(self, server: ServerRef) -> None:
        """Have the token made in the background, if it is not at hand."""
        if not self.has_token(server):
            task = asyncio.create_task(self._prepare(server))
            self._early.add(task)
            task.add_done_callback(self._early.discard)

    def forget(self, server: ServerRef, token: str) -> None:
        """The user's server refused this token: the next one is made anew."""
        kept = self._tokens.get(server)
        if kept and kept.value == token:
            del self._tokens[server]

    def close(self) -> None:
        """Make no more tokens in the background."""
        for task in self._early:
            task.cancel()

    def _kept(self, server: ServerRef) -> _Token | None:
        token = self._tokens.get(server)
        return token if token and token.renew_at > time.monotonic() else None

    async def _prepare(self, server: ServerRef) -> None:
        with suppress(LauncherError):  # whoever needs the token is told
            await self.token_for(server)

    async def _mint(self, server: ServerRef) -> _Token:
        asked_at = time.monotonic()
        answer = await self._ask(server)
        if answer.status == 400 and (most := _most_seconds(answer)):
            self._lifetime = most
            answer = await self._ask(server)
        if answer.status == 403:
            await self._explain(server, answer)
        value = _token_in(self._hub, answer)
        token = _Token(value, asked_at + (1 - RENEWED_BEFORE) * self._lifetime)
        self._tokens[server] = token
        return token

    async def _ask(self, server: ServerRef) -> Response:
        wanted = {
            "scopes": [server.access_scope],
            "expires_in": self._lifetime,
            "note": NOTE,
        }
        return await self._hub.call(
            "POST", "users", server.user, "tokens", kind="hub.token", json=wanted
        )

    async def _explain(self, server: ServerRef, answer: Response) -> None:
        """Raise the reason for a 403, which the hub gives for a user that it does not know, too."""
        await servers.state(self._hub, server)
        raise HubRefused(
            f"The launcher may not make a token for the server of {server.user!r}. Its service"
            " needs the scope tokens, or tokens!group=… with a group that this user is in."
        )


def _most_seconds(answer: Response) -> int:
    """The hub's token_expires_in_max_seconds, when its answer is about that; else 0."""
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
    raise hub.unavailable(f"it answers with status {answer.status}")
