"""Tokens for users' servers: their own if the spawn hook handed them over, else minted ones."""

from cachetools import LRUCache

from launcher.errors import HubRefused
from launcher.hub.tokens import MAX_REMEMBERED, ServerTokens
from launcher.server_ref import ServerRef
from launcher.spawning import Spawning, Started


class HandedOverTokens:
    """The tokens for the servers of a hub with the spawn hook."""

    def __init__(self, spawning: Spawning, minted: ServerTokens) -> None:
        self._spawning = spawning
        self._minted = minted
        self._kept: LRUCache[ServerRef, str] = LRUCache(MAX_REMEMBERED)
        self._refused: LRUCache[ServerRef, str] = LRUCache(MAX_REMEMBERED)

    async def token_for(self, server: ServerRef) -> str:
        """A token with access to this server and no other one.

        Raises HubRefused, HubUnavailable, UnknownUser, StoreUnavailable.
        """
        if kept := self._kept.get(server):
            return kept
        if self._minted.has_token(server):
            return await self._minted.token_for(server)
        started = await self._spawning.started(server)
        if started and started.token and not await self._is_refused(started):
            self._kept[server] = started.token
            return started.token
        try:
            return await self._minted.token_for(server)
        except HubRefused as error:
            raise HubRefused(
                "This server was started before the launcher was connected to the hub, or while it"
                " was away, so the launcher has no access to it. Stop it and start it again."
            ) from error

    async def _is_refused(self, started: Started) -> bool:
        if self._refused.get(started.spec.server) != started.token:
            return False
        await self._spawning.forget_token(started)
        return True

    def has_token(self, server: ServerRef) -> bool:
        """Whether a token for the server is cached."""
        return server in self._kept or self._minted.has_token(server)

    def prepare(self, server: ServerRef) -> None:
        """Nothing: the hook hands the token over while the server starts."""

    def forget(self, server: ServerRef, token: str) -> None:
        """Remove a token from the cache: the user's server refused it."""
        if self._kept.get(server) == token:
            self._refused[server] = self._kept.pop(server)
        self._minted.forget(server, token)
