"""Signs users in through the hub: OAuth 2.0 with PKCE, by JupyterHub's own HubOAuth.

State and code verifier are in the browser, sealed, so that any process may finish what another one
began. HubOAuth itself keeps them in the memory of one process.
"""

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError

from launcher.errors import Forbidden, HubUnavailable
from launcher.internal_ssl import CertificateFiles
from launcher.sealing import Seal

# as HubOAuth.oauth_state_max_age
STATE_SECONDS = 600
TOKEN_SECONDS = 10.0


@dataclass(frozen=True)
class OAuthClient:
    """The launcher as an OAuth client of the hub."""

    client_id: str
    secret: str
    authorize_url: str
    token_url: str
    redirect_uri: str
    certificates: CertificateFiles | None = None
    """For a hub with internal_ssl."""


@dataclass(frozen=True)
class SignInAttempt:
    """A sign-in that began: the browser goes to `url` and keeps the cookie meanwhile."""

    url: str
    cookie_name: str
    cookie: str


@dataclass(frozen=True)
class Begun:
    """A sign-in that this browser began: its code verifier, and the page to return to."""

    verifier: str
    next: str


class SignIns:
    """Begins and finishes sign-ins."""

    def __init__(self, secret: bytes, client: OAuthClient) -> None:
        self._seal = Seal(secret, "oauth state")
        self._cookie_prefix = f"{client.client_id}-state-"
        self._oauth = HubOAuth(
            api_token=client.secret,
            oauth_client_id=client.client_id,
            oauth_authorization_url=client.authorize_url,
            oauth_token_url=client.token_url,
            oauth_redirect_uri=client.redirect_uri,
            login_url=_login_url(client),
            **_files(client.certificates),
        )

    def begin(self, next_path: str) -> SignInAttempt:
        """Begin a sign-in that leads to `next_path`, a path of the launcher."""
        nonce, verifier, query = secrets.token_hex(16), "", {}
        # before JupyterHub 6, HubOAuth has no PKCE
        if hasattr(self._oauth, "generate_pkce_code_challenge"):
            verifier, challenge, method = self._oauth.generate_pkce_code_challenge()
            query = {"code_challenge": challenge, "code_challenge_method": method}
        query["state"] = self._seal.close({"nonce": nonce, "next": next_path}, STATE_SECONDS)
        cookie = self._seal.close({"nonce": nonce, "verifier": verifier}, STATE_SECONDS)
        url = f"{self._oauth.login_url}&{urlencode(query)}"
        return SignInAttempt(url, self.cookie_name(nonce), cookie)

    def cookie_name(self, nonce: str) -> str:
        """The name of the cookie of an attempt; several tabs may sign in at the same time."""
        return f"{self._cookie_prefix}{hashlib.sha256(nonce.encode()).hexdigest()[:8]}"

    def is_cookie_name(self, name: str) -> bool:
        """Whether a cookie belongs to an attempt."""
        return name.startswith(self._cookie_prefix)

    def nonce_of(self, state: str) -> str:
        """The nonce in a state; raises Forbidden if the launcher did not make it."""
        value = self._seal.open(state)
        if value is None or "next" not in value:
            raise Forbidden(_FORGED)
        return str(value["nonce"])

    def check(self, state: str, cookie: str) -> Begun:
        """The sign-in that both belong to; raises Forbidden if there is none."""
        begun, kept = self._seal.open(state), self._seal.open(cookie)
        if not (begun and kept and "next" in begun and "verifier" in kept):
            raise Forbidden(_FORGED)
        if not hmac.compare_digest(str(begun["nonce"]), str(kept["nonce"])):
            raise Forbidden(_FORGED)
        return Begun(str(kept["verifier"]), str(begun["next"]))

    async def exchange(self, begun: Begun, code: str) -> str:
        """Exchange the code of the hub for a token; raises Forbidden, HubUnavailable."""
        options: dict[str, Any] = {"code_verifier": begun.verifier} if begun.verifier else {}
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                return str(await self._oauth.token_for_code(code, sync=False, **options))
        except HTTPError as error:
            # HubOAuth answers 500 for a code that the hub refuses, with the hub's reason
            if "Failed to check authorization:" in str(error.log_message):
                raise Forbidden(_REFUSED) from error
            raise HubUnavailable(_AWAY) from error
        except (TimeoutError, OSError, ValueError, KeyError) as error:
            raise HubUnavailable(_AWAY) from error


def _files(certificates: CertificateFiles | None) -> dict[str, str]:
    """The settings of HubOAuth for a hub with internal_ssl."""
    if certificates is None:
        return {}
    return {
        "keyfile": certificates.key,
        "certfile": certificates.certificate,
        "client_ca": certificates.authority,
    }


def _login_url(client: OAuthClient) -> str:
    query = {
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "response_type": "code",
    }
    return f"{client.authorize_url}?{urlencode(query)}"


_FORGED = (
    "This sign-in was not begun in this browser, was used before, or took longer than ten minutes."
    " Sign in again."
)
_REFUSED = (
    "The hub does not accept this sign-in: it was used before, or has expired. Sign in again."
)
_AWAY = "The hub cannot be reached, so nobody can sign in. Try again in a minute."
