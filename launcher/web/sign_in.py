"""Sign-in through the hub, and logout."""

import re
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from launcher import logs
from launcher.auth.oauth import STATE_SECONDS, SignIns
from launcher.auth.sessions import SESSION_SECONDS, Sessions, cookies, hub_session_in
from launcher.errors import Forbidden
from launcher.web import pages
from launcher.web.visitors import MAX_NEXT, changing, visitor

# of one browser; each is about 250 bytes
MAX_ATTEMPTS = 5


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the sign-in."""
    return [
        Route(f"{prefix}/home/sign-in", pages.shown(sign_in)),
        Route(f"{prefix}/oauth_callback", pages.shown(callback)),
        Route(f"{prefix}/home/logout", pages.shown(logout), methods=["POST"]),
    ]


async def sign_in(request: Request) -> Response:
    """Send the browser to the hub, which sends it back to `callback`."""
    prefix = pages.settings_of(request).prefix
    sign_ins: SignIns = request.state.parts.sign_ins
    attempt = sign_ins.begin(safe_next(request.query_params.get("next", ""), prefix))
    response = RedirectResponse(attempt.url, 303)
    earlier = [name for name in _cookies(request) if sign_ins.is_cookie_name(name)]
    for name in earlier[: max(0, len(earlier) - MAX_ATTEMPTS + 1)]:
        _forget(request, response, name)
    _keep(request, response, attempt.cookie_name, attempt.cookie, STATE_SECONDS)
    return response


async def callback(request: Request) -> Response:
    """Finish a sign-in: begin a session, and return to the page that asked for it."""
    sign_ins: SignIns = request.state.parts.sign_ins
    sessions: Sessions = request.state.parts.browsers.sessions
    state, code = (request.query_params.get(name, "") for name in ("state", "code"))
    name = sign_ins.cookie_name(sign_ins.nonce_of(state))
    cookie = _only(request, name)
    try:
        begun = sign_ins.check(state, cookie)
        token = await sign_ins.exchange(begun, code or _refusal(request))
    except Forbidden as error:
        logs.audit("sign_in_refused", reason=error.detail, address=_address(request))
        refused = await pages.error_page(request, error)
        if cookie:  # a state is good for one answer of the hub
            _forget(request, refused, name)
        return refused
    session = sessions.new(token, hub_session_in(_cookies(request)))
    response = RedirectResponse(begun.next, 303)
    _forget(request, response, name)
    _keep(request, response, sessions.cookie_name, sessions.cookie(session), SESSION_SECONDS)
    return response


async def logout(request: Request) -> Response:
    """End the session in this browser; the hub's own goes on until its logout."""
    if await visitor(request):
        await changing(request)
    request.state.visitor = None
    response = pages.page(
        request,
        "signed_out.html",
        visitor=None,
        hub_logout_url=f"{pages.hub_url(pages.settings_of(request))}/hub/logout",
    )
    _forget(request, response, request.state.parts.browsers.sessions.cookie_name)
    return response


def _refusal(request: Request) -> str:
    """Raise Forbidden with the hub's reason for sending no code (RFC 6749, section 4.1.2.1)."""
    reason = request.query_params.get("error_description") or request.query_params.get("error")
    if reason:
        raise Forbidden(f"The hub refuses the sign-in: {reason[:200]}")
    raise Forbidden("The hub sent no code for this sign-in. Sign in again.")


def safe_next(path: str, prefix: str) -> str:
    """The path if it is one of the launcher's own pages, else that of the home page."""
    home = f"{prefix}/home/"
    if len(path) > MAX_NEXT or re.search(r"[\x00-\x20\x7f\\]", path):
        return home
    parts = urlsplit(path)
    seen = parts.path
    while (decoded := unquote(seen)) != seen:
        seen = decoded
    if parts.scheme or parts.netloc or path.startswith("//") or "\\" in seen or "//" in seen:
        return home
    if any(segment in (".", "..") for segment in seen.split("/")):
        return home
    ours = (f"{prefix}/home/", f"{prefix}/launch/", f"{prefix}/ui/")
    return path if parts.path.startswith(ours) else home


def is_https(request: Request) -> bool:
    """Whether the browser's connection is encrypted, as far as the launcher can know.

    A client that lies in X-Forwarded-Proto only changes its own cookies.
    """
    settings = pages.settings_of(request)
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    urls = (settings.jupyterhub_url, settings.oauth_redirect_uri)
    return forwarded == "https" or any(url.startswith("https://") for url in urls)


def _keep(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=f"{pages.settings_of(request).prefix}/",
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )


def _forget(request: Request, response: Response, name: str) -> None:
    _keep(request, response, name, "", 0)


def _cookies(request: Request) -> dict[str, list[str]]:
    return cookies(request.headers.getlist("cookie"))


def _only(request: Request, name: str) -> str:
    """The value of a cookie, '' if the request has none or several of that name."""
    values = _cookies(request).get(name, [])
    return values[0] if len(values) == 1 else ""


def _address(request: Request) -> str:
    return str(request.state.parts.authenticator.address(request))
