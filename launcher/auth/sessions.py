"""The session of a browser: a sealed cookie with the user's token, and its XSRF token."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from launcher.digests import derived, digest
from launcher.sealing import Seal

# JupyterHub's own limit of a login (c.JupyterHub.cookie_max_age_days)
SESSION_SECONDS = 14 * 86_400
# set by the hub's login, cleared by its logout (jupyterhub.services.auth.HubAuth.get_session_id)
HUB_SESSION_COOKIE = "jupyterhub-session-id"
# with the session's name, in one request
MAX_COOKIES = 8


@dataclass(frozen=True)
class BrowserSession:
    """A user's session in one browser."""

    id: str
    token: str
    """The user's token at the hub, from OAuth: it opens the launcher and nothing else."""
    hub_session: str
    """A hash of the hub's session cookie; '' if the hub's cookies do not reach the launcher."""

    def __repr__(self) -> str:
        return "BrowserSession()"


class Sessions:
    """Makes and checks the sessions of all browsers; nothing is stored."""

    def __init__(self, secret: bytes, service_name: str) -> None:
        self.cookie_name = f"service-{re.sub('[^A-Za-z0-9_-]', '-', service_name)}-session"
        self._seal = Seal(secret, "session")
        self._key = derived(secret, "launcher session")

    def new(self, token: str, hub_session: str) -> BrowserSession:
        """A new session for the owner of a token; `hub_session` is the hub's cookie, or ''."""
        return BrowserSession(secrets.token_hex(16), token, self._digest(hub_session))

    def cookie(self, session: BrowserSession) -> str:
        """The value of the session's cookie."""
        value = {"id": session.id, "token": session.token, "hub": session.hub_session}
        return self._seal.close(value, SESSION_SECONDS)

    def find(self, cookie_headers: Iterable[str]) -> BrowserSession | None:
        """The session in the Cookie headers of a request, if there is exactly one that is valid.

        A page of a user's server can set cookies of our name on the same host: what is not valid
        beside the hub's session is ignored. A session ends with the hub's.
        """
        found = cookies(cookie_headers)
        hub = self._digest(hub_session_in(found))
        opened = map(self._seal.open, found.get(self.cookie_name, [])[:MAX_COOKIES])
        right = [value for value in opened if value and value["hub"] == hub]
        if len(right) != 1:
            return None
        return BrowserSession(right[0]["id"], right[0]["token"], right[0]["hub"])

    def xsrf(self, session: BrowserSession) -> str:
        """The XSRF token of the session, for its forms and scripts."""
        return hmac.digest(self._key, session.id.encode("ascii"), hashlib.sha256).hex()

    def is_xsrf(self, session: BrowserSession, given: str) -> bool:
        """Whether `given` is the XSRF token of the session."""
        right = self.xsrf(session).encode("ascii")
        return hmac.compare_digest(right, given.encode("utf-8", "surrogatepass"))

    def _digest(self, hub_session: str) -> str:
        return digest(self._key, hub_session.replace("\x00", "")).hex() if hub_session else ""


def hub_session_in(found: Mapping[str, list[str]]) -> str:
    """The hub's session, or ''; of all its cookies, so that one that was planted changes it."""
    return "\n".join(sorted(found.get(HUB_SESSION_COOKIE, [])))


def hub_session_of(cookie_headers: Iterable[str]) -> str:
    """The hub's session in the Cookie headers of a request, or ''; as Tornado, the last one."""
    return cookies(cookie_headers).get(HUB_SESSION_COOKIE, [""])[-1]


def cookies(headers: Iterable[str]) -> dict[str, list[str]]:
    """The values of all cookies by name, in the order of the request (RFC 6265, section 4.2)."""
    found: dict[str, list[str]] = {}
    for header in headers:
        for pair in header.split(";"):
            name, equals, value = pair.strip().partition("=")
            if equals:
                found.setdefault(name.strip(), []).append(value.strip().strip('"'))
    return found
