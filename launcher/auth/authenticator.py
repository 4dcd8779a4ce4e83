"""Authenticates credentials at the hub."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cachetools import TTLCache
from jupyterhub.services.auth import check_scopes

from launcher import logs
from launcher.auth.addresses import TrustedProxies, client_address, is_misconfigured
from launcher.auth.throttle import MAX_REMEMBERED, Address, LoginLimits, Throttle
from launcher.digests import derived, digest
from launcher.errors import Forbidden, LauncherError, Unauthorized
from launcher.hub import Hub, passwords, users
from launcher.hub.passwords import LoginForm, NoPasswords
from launcher.hub.users import Identity
from launcher.server_ref import ServerRef
from launcher.singleflight import SingleFlight
from launcher.store import Store

log = logging.getLogger("launcher")

# as long as failures are counted
WRONG_TOKEN_SECONDS = 60
# a credential that was valid so recently is checked even if its address has too many failures
PROVED_SECONDS = 3600
NO_PASSWORDS_SECONDS = 10
MAX_CREDENTIAL_CHARACTERS = 1024
# a custom scope (c.JupyterHub.custom_scopes) for services that launch on behalf of users
ON_BEHALF = "custom:launcher:on-behalf"
# one for the tokens of users' servers; launcher.jupyterhub.configure gives it to them
SERVER = "custom:launcher:server"

# the hub replaces control characters by spaces: `\x01alice` would become alice
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class AuthPolicy:
    """The site's settings for credentials."""

    service_name: str
    strict_scopes: bool
    identity_seconds: int
    limits: LoginLimits
    proxies: TrustedProxies


class Authenticator:
    """Authenticates credentials, and caches the identities under keyed hashes.

    `where` in its methods returns the client address of the request; it is called only if needed.
    """

    def __init__(self, hub: Hub, store: Store, secret: bytes, policy: AuthPolicy) -> None:
        self._hub = hub
        self._key = derived(secret, "launcher credential cache")
        self._policy = policy
        self._throttle = Throttle(store, secret, policy.limits)
        self._known: TTLCache[bytes, Identity] = TTLCache(MAX_REMEMBERED, policy.identity_seconds)
        self._wrong: TTLCache[bytes, bool] = TTLCache(MAX_REMEMBERED, WRONG_TOKEN_SECONDS)
        self._proved: TTLCache[bytes, bool] = TTLCache(MAX_REMEMBERED, PROVED_SECONDS)
        self._no_passwords: TTLCache[str, str] = TTLCache(1, NO_PASSWORDS_SECONDS)
        self._single_flight: SingleFlight[Identity] = SingleFlight()
        self._warned = False

    async def by_token(self, token: str, where: Callable[[], str]) -> Identity:
        """The owner of a JupyterHub API token.

        Raises Unauthorized, Forbidden, TooManyRequests, HubUnavailable.
        """
        return self._may_use(await self._owner(token, where), needs_scope=True)

    async def metrics_reader(self, token: str, where: Callable[[], str]) -> Identity:
        """The owner of a token that may read metrics; raises as `by_token` does."""
        identity = await self._owner(token, where)
        if not (identity.admin or check_scopes({"read:metrics"}, identity.scopes)):
            raise _refused(identity, "This needs a token with the scope read:metrics.")
        return identity

    async def server(self, token: str, where: Callable[[], str]) -> ServerRef:
        """The server whose own token it is: it acts for that server only; raises as `by_token`."""
        identity = await self._owner(token, where)
        names = _servers_opened(identity)
        if SERVER not in identity.scopes or len(names) != 1:
            raise _refused(identity, f"This needs a server's own token, with the scope {SERVER}.")
        return ServerRef(identity.name, names[0])

    async def by_token_or_server(self, token: str, where: Callable[[], str]) -> Identity:
        """The owner of a token: of a user, of a user's server, or of a service with any scope.

        Code in a server acts for its user, but not as a member of their groups; raises as
        `by_token` does.
        """
        identity = await self._owner(token, where)
        if identity.is_service:
            return identity
        if SERVER in identity.scopes and _servers_opened(identity):
            return replace(identity, groups=frozenset(), admin=False)
        return self._may_use(identity, needs_scope=True)

    async def by_password(self, username: str, password: str, where: Callable[[], str]) -> Identity:
        """The user with that name and password; raises as `by_token` does."""
        key = digest(self._key, "password", username, password)
        identity = self._known.get(key) or await self._single_flight.share(
            key, lambda: self._sign_in(key, username, password, where())
        )
        return self._may_use(identity, needs_scope=self._policy.strict_scopes)

    def address(self, request: Any) -> str:
        """The client address of a request, as `client_address` returns it."""
        peer = str(request.client.host) if request.client else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        if not self._warned and is_misconfigured(peer, forwarded, self._policy.proxies):
            self._warned = True
            log.warning(
                "X-Forwarded-For does not match c.Launcher.trusted_hops and trusted_proxies",
                extra={"peer": peer[:64]},
            )
        return client_address(peer, forwarded, self._policy.proxies)

    # tokens

    async def _owner(self, token: str, where: Callable[[], str]) -> Identity:
        if not re.fullmatch(r"[\x21-\x7e]{1,1024}", token):
            raise Unauthorized(_UNKNOWN_TOKEN)
        key = digest(self._key, "token", token)
        return self._known.get(key) or await self._single_flight.share(
            key, lambda: self._identify(key, token, where())
        )

    async def _identify(self, key: bytes, token: str, where: str) -> Identity:
        if key in self._wrong:
            raise Unauthorized(_UNKNOWN_TOKEN)
        address = self._throttle.address(where)
        async with self._throttle.token(address, proved=key in self._proved):
            identity = await users.identify(self._hub, token)
            if identity is None:
                self._wrong[key] = True
                self._proved.pop(key, None)
                await self._throttle.unknown_token(address)
                logs.audit("token_refused", reason=_UNKNOWN_TOKEN, address=where)
                raise Unauthorized(_UNKNOWN_TOKEN)
        return self._remember(key, identity)

    # passwords

    async def _sign_in(self, key: bytes, username: str, password: str, where: str) -> Identity:
        address, proved = self._throttle.address(where), key in self._proved
        async with self._throttle.password(username, address, proved=proved):
            if not _may_be_right(username, password):
                await self._throttle.wrong(username, address)
                raise Unauthorized(_WRONG_PASSWORD)
            form = await self._open_form()
            if proved:
                identity = await passwords.submit(self._hub, form, username, password)
            else:
                identity = await self._submit(form, username, password, address)
            if identity is None:
                self._proved.pop(key, None)
                await self._throttle.wrong(username, address)
                raise Unauthorized(_WRONG_PASSWORD)
        return self._remember(key, identity)

    async def _open_form(self) -> LoginForm:
        """Open the hub's form; NoPasswords is cached for NO_PASSWORDS_SECONDS."""
        if detail := self._no_passwords.get("detail"):
            raise NoPasswords(detail)
        try:
            return await passwords.open_form(self._hub)
        except NoPasswords as error:
            self._no_passwords["detail"] = error.detail
            raise

    async def _submit(
        self, form: LoginForm, username: str, password: str, address: Address
    ) -> Identity | None:
        await self._throttle.begin(username, address)
        try:
            identity = await passwords.submit(self._hub, form, username, password)
        except LauncherError:
            await self._throttle.undecided(username, address)
            raise
        if identity:
            await self._throttle.right(username, address)
        return identity

    # tokens and passwords

    def _remember(self, key: bytes, identity: Identity) -> Identity:
        self._known[key] = identity
        self._proved[key] = True
        return identity

    def _may_use(self, identity: Identity, *, needs_scope: bool) -> Identity:
        if identity.kind != "user":
            if ON_BEHALF in identity.scopes:
                return identity
            raise _refused(
                identity,
                "This is the token of a service. Launching needs a user's own token, or a service"
                f" whose role has the scope {ON_BEHALF}.",
            )
        scope = f"access:services!service={self._policy.service_name}"
        if needs_scope and not check_scopes({scope}, identity.scopes):
            raise _refused(identity, f"This needs a token with the scope {scope}.")
        return identity


_UNKNOWN_TOKEN = "The hub does not know this token. Request a new one on the hub's page Token."  # noqa: S105
_WRONG_PASSWORD = "The hub does not accept this user name and password."  # noqa: S105


def _servers_opened(identity: Identity) -> list[str]:
    """The names of the single servers that the token opens: the own token of a server opens one.

    The token of a user opens all of theirs with another scope.
    """
    opened = f"access:servers!server={identity.name}/"
    return [each.removeprefix(opened) for each in identity.scopes if each.startswith(opened)]


def _refused(identity: Identity, reason: str) -> Forbidden:
    """Log a token that lacks permission in the audit log; returns the error."""
    logs.audit("token_refused", reason=reason, by=identity.name, by_kind=identity.kind)
    return Forbidden(reason)


def _may_be_right(username: str, password: str) -> bool:
    if not username.strip() or _CONTROL.search(username) or "\x00" in password:
        return False
    return max(len(username), len(password)) <= MAX_CREDENTIAL_CHARACTERS
