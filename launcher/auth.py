"""Who is asking: the functions that openapi.yaml's securitySchemes name.

A user is who the hub says the credential belongs to, in the hub's spelling of the name.
"""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache
from connexion.security import NO_VALUE
from jupyterhub.services.auth import check_scopes

from launcher.errors import Forbidden, LauncherError, TooManyRequests, Unauthorized
from launcher.flights import SingleFlight
from launcher.hub import Hub, passwords, users
from launcher.hub.users import Identity
from launcher.store import Store, login_attempts

MAX_REMEMBERED = 10_000
WRONG_TOKEN_SECONDS = 10
MAX_CREDENTIAL_CHARACTERS = 1024
# a custom scope of the hub (c.JupyterHub.custom_scopes), for services that launch for others
ON_BEHALF = "custom:launcher:on-behalf"


@dataclass(frozen=True)
class Policy:
    """What the site decided about credentials."""

    service_name: str
    strict_scopes: bool
    identity_seconds: int
    max_failed_logins: int
    trusted_hops: int


class Gate:
    """Turns credentials into identities, and remembers them by keyed hashes for a short while."""

    def __init__(self, hub: Hub, store: Store, secret: bytes, policy: Policy) -> None:
        self._hub = hub
        self._store = store
        self._key = hmac.digest(secret, b"launcher credential cache", hashlib.sha256)
        self._policy = policy
        self._known: TTLCache[bytes, Identity] = TTLCache(MAX_REMEMBERED, policy.identity_seconds)
        self._wrong: TTLCache[bytes, bool] = TTLCache(MAX_REMEMBERED, WRONG_TOKEN_SECONDS)
        self._flights: SingleFlight[Identity] = SingleFlight()

    async def by_token(self, token: str) -> Identity:
        """The user whose JupyterHub API token this is; raises Unauthorized, Forbidden."""
        return self._may_use(await self._owner(token), needs_scope=True)

    async def metrics_reader(self, token: str) -> Identity:
        """The user or service that may read metrics; raises Unauthorized, Forbidden."""
        identity = await self._owner(token)
        if not (identity.admin or check_scopes({"read:metrics"}, identity.scopes)):
            raise Forbidden("This needs a token that holds the scope read:metrics.")
        return identity

    async def _owner(self, token: str) -> Identity:
        if not re.fullmatch(r"[\x21-\x7e]{1,1024}", token):
            raise Unauthorized(_UNKNOWN_TOKEN)
        key = self._hash("token", token)
        return self._known.get(key) or await self._flights.share(
            key, lambda: self._identify(key, token)
        )

    async def by_password(self, username: str, password: str, address: str) -> Identity:
        """The user who signs in so; raises Unauthorized, Forbidden, TooManyRequests."""
        longest = max(len(username), len(password))
        if not username or longest > MAX_CREDENTIAL_CHARACTERS or "\x00" in username + password:
            raise Unauthorized(_WRONG_PASSWORD)
        key = self._hash("password", username, password)
        identity = self._known.get(key) or await self._flights.share(
            key, lambda: self._sign_in(key, username, password, address)
        )
        return self._may_use(identity, needs_scope=self._policy.strict_scopes)

    async def _identify(self, key: bytes, token: str) -> Identity:
        if key in self._wrong:
            raise Unauthorized(_UNKNOWN_TOKEN)
        identity = await users.identify(self._hub, token)
        if identity is None:
            self._wrong[key] = True
            raise Unauthorized(_UNKNOWN_TOKEN)
        self._known[key] = identity
        return identity

    async def _sign_in(self, key: bytes, username: str, password: str, address: str) -> Identity:
        who = self._hash("attempt", username.strip().casefold(), address).hex()
        wait = await self._store.run(login_attempts.begin, who, self._policy.max_failed_logins)
        if wait:
            raise TooManyRequests(
                f"There were too many wrong passwords. Try again in {wait} seconds.",
                retry_after=wait,
            )
        try:
            identity = await passwords.verify(self._hub, username, password)
        except LauncherError:
            await self._store.run(login_attempts.retract, who)
            raise
        if identity is None:
            raise Unauthorized(_WRONG_PASSWORD)
        await self._store.run(login_attempts.succeeded, who)
        self._known[key] = identity
        return identity

    def _may_use(self, identity: Identity, *, needs_scope: bool) -> Identity:
        if identity.kind != "user":
            if ON_BEHALF in identity.scopes:
                return identity
            raise Forbidden(
                "This is the token of a service. Launching needs a user's own token, or a service"
                f" whose role holds the scope {ON_BEHALF}."
            )
        scope = f"access:services!service={self._policy.service_name}"
        if needs_scope and not check_scopes({scope}, identity.scopes):
            raise Forbidden(f"This needs a token that holds the scope {scope}.")
        return identity

    def _hash(self, *parts: str) -> bytes:
        message = b"\x00".join(part.encode("utf-8", "surrogatepass") for part in parts)
        return hashlib.blake2b(message, key=self._key, digest_size=32).digest()

    def address(self, request: Any) -> str:
        """Where a request comes from, as far as the trusted proxies vouch for it."""
        peer = request.client.host if request.client else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        return client_address(peer, forwarded, self._policy.trusted_hops)


_UNKNOWN_TOKEN = "The hub does not know this token. Make a new one on the hub's page Token."  # noqa: S105
_WRONG_PASSWORD = "The hub does not let anybody in with this name and password."  # noqa: S105


def client_address(peer: str, forwarded: str, hops: int) -> str:
    """The caller's network: the IPv4 address or IPv6 /64 that the last `hops` proxies vouch for."""
    claims = [claim.strip() for claim in forwarded.split(",") if claim.strip()]
    address = claims[-hops] if 0 < hops <= len(claims) else peer
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return peer
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


async def token(authorization: str, request: Any) -> Any:
    """OpenAPI scheme `token`: `Authorization: token X` or `Bearer X`."""
    value = _token_in(authorization)
    if value is None:
        return NO_VALUE
    return _context(await request.state.parts.gate.by_token(value))


async def metrics_reader(authorization: str, request: Any) -> Any:
    """OpenAPI scheme `metrics`: as `token`, for services too; the scope is read:metrics."""
    value = _token_in(authorization)
    if value is None:
        raise Unauthorized("Metrics are for those with a token: 'Authorization: Bearer …'.")
    return _context(await request.state.parts.gate.metrics_reader(value))


def _token_in(authorization: str) -> str | None:
    kind, _, value = authorization.partition(" ")
    return value.strip() if kind.lower() in ("token", "bearer") else None


async def basic(username: str, password: str, request: Any) -> Any:
    """OpenAPI scheme `basic`: RFC 7617 with charset UTF-8, which Connexion reads as Latin-1."""
    try:
        username, password = (text.encode("latin-1").decode() for text in (username, password))
    except UnicodeDecodeError as error:
        raise Unauthorized(_WRONG_PASSWORD) from error
    gate: Gate = request.state.parts.gate
    return _context(await gate.by_password(username, password, gate.address(request)))


def _context(identity: Identity) -> dict[str, Any]:
    return {
        "sub": identity.name,
        "admin": identity.admin and identity.kind == "user",
        "service": identity.kind != "user",
    }
