"""The user of a browser's session, and the check of changes that a cookie authenticates."""

from dataclasses import dataclass
from typing import Any

from launcher.auth.authenticator import Authenticator
from launcher.auth.sessions import BrowserSession, Sessions, hub_session_of
from launcher.errors import Forbidden, Unauthorized
from launcher.hub.users import Identity

XSRF_HEADER = "x-xsrftoken"
NO_XSRF = (
    "This was not sent by a page of the launcher that belongs to your session. Open the page again,"
    " and repeat what you did."
)


@dataclass(frozen=True)
class Visitor:
    """The user of a browser that is signed in."""

    identity: Identity
    session: BrowserSession
    xsrf: str
    """The XSRF token of the session: every change needs it."""


def is_navigation(request: Any) -> bool:
    """Whether a window or frame shows the answer, as far as the browser says so.

    Browsers send the headers (Fetch Metadata), except over plain http to other machines. A service
    worker of a user's server may have the launcher's paths as its scope: what it fetches has no
    destination, and what is preloaded for it has a header of its own.
    """
    headers = request.headers
    return (
        headers.get("sec-fetch-mode", "navigate") == "navigate"
        and headers.get("sec-fetch-dest", "document") in ("document", "iframe")
        and "service-worker-navigation-preload" not in headers
    )


class Browsers:
    """Finds the users of browsers' requests.

    `shares_cookies`: browsers send the hub's cookies to the launcher, too.
    """

    def __init__(
        self, sessions: Sessions, authenticator: Authenticator, *, shares_cookies: bool
    ) -> None:
        self.sessions = sessions
        self._authenticator = authenticator
        self._shares_cookies = shares_cookies

    async def visitor(self, request: Any, *, for_scripts: bool = False) -> Visitor | None:
        """The user of the request's session, None without a valid one.

        Users' servers have the launcher's origin, so their scripts could read what a cookie opens:
        the cookie counts for navigations, and for scripts that know the XSRF token. `for_scripts`:
        scripts of other users may read the answer.
        Raises Forbidden if the user may not use the launcher, TooManyRequests, HubUnavailable.
        """
        session = self.sessions.find(request.headers.getlist("cookie"))
        if session is None or not (for_scripts or self._may_read(request, session)):
            return None
        auth = self._authenticator
        try:
            identity = await auth.by_token(session.token, lambda: auth.address(request))
        except Unauthorized:
            return None  # revoked at the hub
        if not self._is_of_this_browser(identity, request):
            return None
        return Visitor(identity, session, self.sessions.xsrf(session))

    def _may_read(self, request: Any, session: BrowserSession) -> bool:
        if is_navigation(request):
            return True
        return self.sessions.is_xsrf(session, request.headers.get(XSRF_HEADER, ""))

    def _is_of_this_browser(self, identity: Identity, request: Any) -> bool:
        """Whether the token was made in the browser's session at the hub, as far as it is known.

        A page of a user's server can plant the cookie of a sign-in that its user began, and open
        the callback with their code: the token is then of another session than the browser's.
        """
        here = hub_session_of(request.headers.getlist("cookie")) if self._shares_cookies else ""
        return not here or not identity.hub_session or here == identity.hub_session

    def check_xsrf(self, visitor: Visitor, given: str) -> None:
        """Raise Forbidden unless `given` is the session's XSRF token."""
        if not self.sessions.is_xsrf(visitor.session, given):
            raise Forbidden(NO_XSRF)
