"""The functions that openapi.yaml's securitySchemes name."""

from typing import Any

from connexion.security import NO_VALUE

from launcher.auth import Authenticator
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
