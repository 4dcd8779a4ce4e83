"""Handlers of the operations in openapi.yaml, with one module per tag."""

from typing import Any

from connexion import request

from launcher.parts import Parts

# body, status and, if there are any, headers
Answer = tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]]


def here() -> Parts:
    """The parts of the application that serves the current request."""
    parts: Parts = request.state.parts
    return parts


def query_parameter(name: str) -> str:
    """The value of a query parameter, or ''."""
    return str(request.query_params.get(name) or "")


def request_header(name: str) -> str:
    """The value of a request header, or ''."""
    return str(request.headers.get(name) or "").strip()


def origin() -> str | None:
    """The header Origin of the request (RFC 6454), or None."""
    return request.headers.get("origin")
