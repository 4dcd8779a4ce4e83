"""Handlers of openapi.yaml, one module per tag; each asks one feature and returns its answer."""

from connexion import request

from launcher.parts import Parts


def here() -> Parts:
    """The parts of the application that serves the current request."""
    parts: Parts = request.state.parts
    return parts


def asked(name: str) -> str:
    """What the query holds under that name, or ''."""
    return str(request.query_params.get(name) or "")


def sent(header: str) -> str:
    """The value of a header, or ''."""
    return str(request.headers.get(header) or "").strip()


def origin() -> str | None:
    """The origin of the page that asks, as its browser says (RFC 6454)."""
    return request.headers.get("origin")
