"""The functions that openapi.yaml's securitySchemes name."""

import hmac
from typing import Any

from connexion.security import NO_VALUE

from launcher import logs
from launcher.auth import Authenticator
from launcher.auth.browser import XSRF_HEADER, Browsers
from launcher.config import Launcher
from launcher.errors import Unauthorized
from launcher.hub.users import Identity


async def token(authorization: str, request: Any) -> Any:
    """OpenAPI scheme `token`: `Authorization: token X` or `Bearer X`."""
    value = _token_in(authorization)
    if value is None:
        return NO_VALUE
    auth: Authenticator = request.state.parts.authenticator
    return _context(await auth.by_token(value, lambda: auth.address(request)))


async def metrics_reader(authorization: str, request: Any) -> Any:
    """OpenAPI scheme `metrics`: as `token`, also for services; the scope is read:metrics."""
    value = _token_in(authorization)
    if value is None:
        raise Unauthorized("Metrics require a token: 'Authorization: Bearer …'.")
    auth: Authenticator = request.state.parts.authenticator
    return _context(await auth.metrics_reader(value, lambda: auth.address(request)))


async def server(authorization: str, request: Any) -> Any:
    """OpenAPI scheme `server`: as `token`, for the own token of a user's server."""
    value = _token_in(authorization)
    if value is None:
        raise Unauthorized("This needs the own token of a user's server: 'Authorization: token …'.")
    auth: Authenticator = request.state.parts.authenticator
    return {"sub": await auth.server(value, lambda: auth.address(request))}


async def event_sender(authorization: str, request: Any) -> Any:
    """OpenAPI scheme `events`: as `token`, also for users' servers, and for services."""
    value = _token_in(authorization)
    if value is None:
        return NO_VALUE
    auth: Authenticator = request.state.parts.authenticator
    return _context(await auth.by_token_or_server(value, lambda: auth.address(request)))


async def hook(authorization: str, request: Any) -> Any:
    """OpenAPI scheme `hook`: the secret of the hub's spawn hook, or the launcher's own token.

    `<token>`, `token <token>` or `Bearer <token>`. The argument `user` says which one it is.
    """
    settings: Launcher = request.state.parts.settings
    value = _token_in(authorization) or authorization.strip()
    for name, secret in (("hook", settings.hook_token), ("service", settings.api_token)):
        if secret and hmac.compare_digest(value.encode(), secret.encode()):
            return {"sub": name}
    logs.audit("hook_refused", address=str(request.state.parts.authenticator.address(request)))
    raise Unauthorized("This needs the secret of the hub's spawn hook (LAUNCHER_HOOK_TOKEN).")


def _token_in(authorization: str) -> str | None:
    kind, _, value = authorization.partition(" ")
    return value.strip() if kind.lower() in ("token", "bearer") else None


async def basic(username: str, password: str, request: Any) -> Any:
    """OpenAPI scheme `basic`: RFC 7617 with charset UTF-8, else Latin-1."""
    auth: Authenticator = request.state.parts.authenticator
    identity = await auth.by_password(
        _decoded(username), _decoded(password), lambda: auth.address(request)
    )
    return _context(identity)


async def session(cookie: str, request: Any) -> Any:
    """OpenAPI scheme `session`: the cookie of the launcher's pages, with an XSRF token for changes.

    A request with an Authorization header is never authenticated by its cookie.
    """
    if "authorization" in request.headers:
        return NO_VALUE
    browsers: Browsers = request.state.parts.browsers
    visitor = await browsers.visitor(request)
    if visitor is None:
        raise Unauthorized(
            "Your session has ended, or the header X-XSRFToken is missing. Sign in on the"
            " launcher's home page."
        )
    if request.method not in ("GET", "HEAD"):
        browsers.check_xsrf(visitor, request.headers.get(XSRF_HEADER, ""))
    return _context(visitor.identity)


def _decoded(text: str) -> str:
    """Text that Connexion decoded as Latin-1, decoded as UTF-8 if it is valid UTF-8.

    The name and the password are decoded separately: requests encodes each as Latin-1 if possible,
    and as UTF-8 otherwise.
    """
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text


def _context(identity: Identity) -> dict[str, Identity]:
    """The context that Connexion passes to handlers; `sub` is the argument `user`."""
    return {"sub": identity}
