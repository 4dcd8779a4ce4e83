"""Requests to users' servers through the proxy, each with a token for this one server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakValueDictionary

from launcher import outbound, urls
from launcher.contents import refusals
from launcher.contents.refusals import GONE_STATUSES, ServerError, ServerGone, TokenRefused
from launcher.errors import HubRefused, UploadRefused
from launcher.outbound import OutboundError, Response, ResponseTooLarge, Session
from launcher.server_ref import ServerRef
from launcher.urls import HomePath

# concurrent requests to one server: a slow server must not use all connections
CALLS_PER_SERVER = 16
# how much of a notebook is searched for an id
MAX_NOTEBOOK_BYTES = 20 * 2**20

# Names in the contents API's own routes (…/checkpoints, …/checkpoints/<id>, …/trust), which hide
# directories with these names. The router matches the path before it is decoded.
_ROUTE_WORDS = ("checkpoints", "trust")

# the kinds under which requests to the contents API are counted
_KINDS = {
    "GET": "contents.read",
    "PUT": "contents.put",
    "PATCH": "contents.rename",
    "POST": "contents.checkpoint",
    "DELETE": "contents.delete",
}


class Ambiguous(Exception):
    """No response: the request may have been carried out, or may still be."""


class TokenSource(Protocol):
    """Provides tokens for users' servers; see launcher.hub.tokens."""

    async def token_for(self, server: ServerRef) -> str:
        """A token with access to the server and nothing else."""

    def has_token(self, server: ServerRef) -> bool:
        """Whether a token is cached."""

    def prepare(self, server: ServerRef) -> None:
        """Request a token in the background."""

    def forget(self, server: ServerRef, token: str) -> None:
        """Remove a token that the server refused."""


@dataclass(frozen=True)
class Calls:
    """Calls of the servers behind one proxy."""

    session: Session
    proxy_url: str
    tokens: TokenSource
    _slots: WeakValueDictionary[ServerRef, asyncio.Semaphore] = field(
        default_factory=WeakValueDictionary
    )

    async def probe(self, server: ServerRef) -> None:
        """Raise ServerGone if the server does not respond. Sends no token.

        Without a route to a named server, the proxy asks the default server, which answers 404.
        """
        url = urls.join(self.proxy_url, *server.url_segments, "api")
        try:
            async with self._slot(server):
                answer = await outbound.fetch(self.session, "GET", url, kind="contents.probe")
        except OutboundError as error:
            raise ServerGone from error
        if answer.status in GONE_STATUSES or answer.status == 404:
            raise refusals.gone(answer)

    async def probe_unless_known(self, server: ServerRef) -> None:
        """As `probe`, but without a request for a server that was used recently."""
        if not self.tokens.has_token(server):
            await self.probe(server)

    def prepare(self, server: ServerRef) -> None:
        """Request the token of a server while the server starts."""
        self.tokens.prepare(server)

    async def call(
        self,
        method: str,
        server: ServerRef,
        path: HomePath,
        *,
        action: str = "",
        query: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Response:
        """Call the contents API for `path` below the server's root, with a token for the server.

        `action` is what follows the path; `needle` is searched in a body of any length. Raises
        ServerGone, Ambiguous, ServerError, HubRefused, HubUnavailable, ProxyRefused, UploadRefused.
        """
        url = urls.join(self.proxy_url, *server.url_segments, "api", "contents")
        for name in path:
            url = _with_name(url, name)
        url = urls.join(url, *action.split("/") if action else (), query=query)
        return await self._call(method, server, url, **options)

    async def sessions(self, server: ServerRef, *, most: int) -> Response:
        """What runs in the server: jupyter_server's `GET /api/sessions`; raises as `call` does.

        The response is of at most `most` bytes.
        """
        url = urls.join(self.proxy_url, *server.url_segments, "api", "sessions")
        return await self._call("GET", server, url, most=most)

    async def _call(self, method: str, server: ServerRef, url: str, **options: Any) -> Response:
        token = await self.tokens.token_for(server)
        try:
            return await self._call_with(token, method, server, url, **options)
        except TokenRefused:
            # it is not valid any more: the hub lost its database, or the token was revoked
            self.tokens.forget(server, token)
        token = await self.tokens.token_for(server)
        try:
            return await self._call_with(token, method, server, url, **options)
        except TokenRefused as error:
            if method != "GET" and await self._accepts(token, server):
                raise UploadRefused(
                    "The user's server refuses the notebook (HTTP 403) without a reason. The cause"
                    " may be a pre_save_hook."
                ) from error
            self.tokens.forget(server, token)
            raise HubRefused(
                "The user's server does not accept the token that the hub issued for it."
            ) from error

    async def _call_with(
        self,
        token: str,
        method: str,
        server: ServerRef,
        url: str,
        *,
        needle: bytes = b"",
        **options: Any,
    ) -> Response:
        if needle:
            options |= {"needle": needle, "most": MAX_NOTEBOOK_BYTES}
        options["headers"] = {"Authorization": f"token {token}"}
        answer = await self._fetch(method, server, url, **options)
        if refusals.may_be_blocked(answer) and await self._is_reachable(server):
            # again: the proxy's route may be new
            answer = await self._fetch(method, server, url, **options)
            if refusals.may_be_blocked(answer):
                raise refusals.blocked(answer, method)
        refusals.raise_for_state(answer)
        return answer

    async def _fetch(self, method: str, server: ServerRef, url: str, **options: Any) -> Response:
        try:
            async with self._slot(server):
                return await outbound.fetch(
                    self.session, method, url, kind=_KINDS[method], **options
                )
        except ResponseTooLarge as error:
            raise refusals.no_contents_api() from error
        except OutboundError as error:
            raise (Ambiguous if error.sent else ServerGone) from error

    async def _is_reachable(self, server: ServerRef) -> bool:
        """Whether the server responds to a request without a token."""
        url = urls.join(self.proxy_url, *server.url_segments, "api")
        with suppress(OutboundError):
            async with self._slot(server):
                answer = await outbound.fetch(self.session, "GET", url, kind="contents.probe")
            return answer.status == 200 and answer.is_json
        return False

    async def _accepts(self, token: str, server: ServerRef) -> bool:
        """Whether the server accepts the token for a request to read the home."""
        url = urls.join(
            self.proxy_url, *server.url_segments, "api", "contents", query={"content": "0"}
        )
        try:
            return (await self._call_with(token, "GET", server, url)).status == 200
        except (TokenRefused, ServerError):
            return False

    @asynccontextmanager
    async def _slot(self, server: ServerRef) -> AsyncIterator[None]:
        """Wait for one of the CALLS_PER_SERVER concurrent requests to the server."""
        slot = self._slots.get(server)
        if slot is None:
            slot = self._slots[server] = asyncio.Semaphore(CALLS_PER_SERVER)
        async with slot:
            yield


def _with_name(url: str, name: str) -> str:
    """Append a name to the URL, so that it does not match another route of the contents API."""
    if name not in _ROUTE_WORDS:
        return urls.join(url, name)
    return f"{url}/%{ord(name[0]):02X}{name[1:]}"
