"""A small portal: people sign in through JupyterHub, and launch a notebook from its page.

The portal is an OAuth client of the hub. Its users' tokens have one scope more than their name:
access:services!service=launcher. See README.md for the hub's configuration.
"""

import base64
import hashlib
import hmac
import html
import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.typedefs import Handler

HERE = Path(__file__).parent
SESSION, ATTEMPT = "portal-session", "portal-sign-in"
ATTEMPT_SECONDS = 600
SESSION_SECONDS = 8 * 3600

VARIABLES = (
    "PORTAL_HUB_URL",
    "PORTAL_LAUNCHER_URL",
    "PORTAL_REDIRECT_URI",
    "JUPYTERHUB_API_URL",
    "JUPYTERHUB_API_TOKEN",
)
if missing := [name for name in VARIABLES if not os.environ.get(name)]:
    sys.exit(f"Set {', '.join(missing)}; README.md, beside this file, says to what.")

hub = os.environ["PORTAL_HUB_URL"].rstrip("/")  # as browsers see it
launcher = os.environ["PORTAL_LAUNCHER_URL"].rstrip("/")
redirect_uri = os.environ["PORTAL_REDIRECT_URI"]
client_id = os.environ.get("JUPYTERHUB_CLIENT_ID", "service-portal")
client_secret = os.environ["JUPYTERHUB_API_TOKEN"]
api_url = os.environ["JUPYTERHUB_API_URL"].rstrip("/")


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in."""

    user: str
    token: str
    end: float
    """In seconds since 1970."""


# a real portal has a database
sessions: dict[str, Session] = {}

# the page runs its own script and the launcher's module, and talks to both
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'self' {launcher}/static/launcher.js;"
        f" connect-src 'self' {launcher}/; img-src data: {launcher}/static/badge.svg;"
        " style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


async def index(request: web.Request) -> web.Response:
    """The page; it says who is signed in."""
    found = _session(request)
    text = (HERE / "index.html").read_text(encoding="utf-8")
    text = text.replace("LAUNCHER_URL", html.escape(launcher))
    text = text.replace("SIGNED_IN", "yes" if found else "no")
    text = text.replace("USER_NAME", html.escape(found.user) if found else "")
    return web.Response(text=text, content_type="text/html")


async def sign_in(_request: web.Request) -> web.Response:
    """Send the browser to the hub (OAuth 2.0 with PKCE, RFC 7636)."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    response = web.HTTPFound(f"{hub}/hub/api/oauth2/authorize?{urlencode(query)}")
    # only this browser can finish the sign-in
    _keep(response, ATTEMPT, f"{state}.{verifier}", ATTEMPT_SECONDS)
    return response


async def callback(request: web.Request) -> web.Response:
    """The hub sends the browser back with a code: exchange it for the user's token."""
    state, _, verifier = request.cookies.get(ATTEMPT, "").partition(".")
    given = request.query.get("state", "")
    if not state or not hmac.compare_digest(state.encode(), given.encode("utf-8", "replace")):
        raise web.HTTPForbidden(text="This sign-in was not begun in this browser. Try again.")
    found = await _exchange(request.query.get("code", ""), verifier)
    for key in [key for key, each in sessions.items() if each.end < time.time()]:
        del sessions[key]
    sessions.pop(request.cookies.get(SESSION, ""), None)
    key = secrets.token_urlsafe(32)
    sessions[key] = found
    response = web.HTTPFound("/")
    _keep(response, SESSION, key, SESSION_SECONDS)
    _keep(response, ATTEMPT, "", 0)
    return response


async def _exchange(code: str, verifier: str) -> Session:
    """The session for a code: the user's token and name. Raises HTTPForbidden, HTTPBadGateway."""
    form = {
        "client_id": client_id,
        "client_secret": client_secret,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=10)) as session,
            session.post(f"{api_url}/oauth2/token", data=form, allow_redirects=False) as answer,
        ):
            if answer.status == 200:
                token = str((await answer.json())["access_token"])
                return Session(await _name(session, token), token, time.time() + SESSION_SECONDS)
    except (ClientError, TimeoutError) as error:
        raise web.HTTPBadGateway(text="The hub does not answer. Try again later.") from error
    raise web.HTTPForbidden(text="The hub did not accept this sign-in. Try again.")


async def _name(session: ClientSession, token: str) -> str:
    """The name of the token's user; raises ClientError."""
    headers = {"Authorization": f"token {token}"}
    async with session.get(f"{api_url}/user", headers=headers, allow_redirects=False) as answer:
        answer.raise_for_status()
        return str((await answer.json())["name"])


async def token(request: web.Request) -> web.Response:
    """The user's token, for the page's own script."""
    _require_own_page(request)
    found = _session(request)
    if found is None:
        raise web.HTTPUnauthorized(text="Sign in first.")
    return web.json_response({"token": found.token})


async def sign_out(request: web.Request) -> web.Response:
    """Forget the token; the hub's own session goes on."""
    _require_own_page(request)
    sessions.pop(request.cookies.get(SESSION, ""), None)
    response = web.Response(status=204)
    _keep(response, SESSION, "", 0)
    return response


def _session(request: web.Request) -> Session | None:
    """The session of the request, or None."""
    found = sessions.get(request.cookies.get(SESSION, ""))
    return found if found and found.end > time.time() else None


def _require_own_page(request: web.Request) -> None:
    """Raise HTTPForbidden unless the page's script asks: other origins cannot send the header."""
    if request.headers.get("X-Portal") != "page":
        raise web.HTTPForbidden(text="Only the portal's own page may ask.")


def _keep(response: web.Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that scripts cannot read."""
    secure = redirect_uri.startswith("https://")
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="Lax"
    )


@web.middleware
async def errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Show errors to people as a page with a way back."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        known = error.status != 404
        sentence = str(error.text) if known else "There is no page at this address."
        page = (HERE / "error.html").read_text(encoding="utf-8")
        page = page.replace("SENTENCE", html.escape(sentence))
        return web.Response(text=page, status=error.status, content_type="text/html")


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def application() -> web.Application:
    """The portal."""
    app = web.Application(middlewares=[errors_as_pages])
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/", index)
    app.router.add_get("/sign-in", sign_in)
    app.router.add_get("/oauth_callback", callback)
    app.router.add_get("/token", token)
    app.router.add_post("/sign-out", sign_out)
    app.router.add_static("/static/", HERE / "static")
    return app


if __name__ == "__main__":
    where = urlsplit(redirect_uri)
    port = int(os.environ.get("PORTAL_PORT") or where.port or 8080)
    web.run_app(application(), host="127.0.0.1", port=port, print=None)
