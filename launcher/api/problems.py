"""Turns what was raised into `application/problem+json` (RFC 9457); used by app.py alone."""

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from connexion.lifecycle import ConnexionResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from launcher import logs
from launcher.errors import TYPE_PREFIX, LauncherError, fault

log = logging.getLogger("launcher")

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Basic realm="JupyterHub", charset="UTF-8"'


def launcher_error(request: Any, error: Exception) -> ConnexionResponse:
    """A failure that one of our own errors tells."""
    assert isinstance(error, LauncherError)  # noqa: S101
    # a launch that failed has a line of its own
    if error.status >= 500 and "Link" not in error.headers:
        log.warning("a request failed", extra={"type": error.slug, "reason": error.detail})
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    problem = error.problem()
    problem.pop("retry_after", None)
    return _response(request, problem, headers)


class Methods:
    """Which methods each path takes, and where a proxy may have changed a path."""

    def __init__(self, paths: Mapping[str, Mapping[str, Any]], prefix: str) -> None:
        """`paths` is that part of the OpenAPI document; `prefix` stands before each of them."""
        self._prefix = prefix
        own = {path: re.sub(r"\{\w+\}", "[^/]+", path) for path in paths}
        self._known = [
            (re.compile(re.escape(prefix) + own[path]), _allow(item))
            for path, item in paths.items()
        ]
        self._ends = re.compile(
            "(/[^/]+)+(" + "|".join(p for p in own.values() if "[" not in p) + ")"
        )

    def allowed(self, path: str) -> str:
        """The header Allow (RFC 9110) of a path, or ''."""
        return next((allow for known, allow in self._known if known.fullmatch(path)), "")

    def misplaced(self, path: str) -> str:
        """Why there is nothing at a path that a proxy cut or made longer; '' otherwise."""
        if self._prefix and not f"{path}/".startswith(f"{self._prefix}/"):
            return (
                f"The launcher answers below {self._prefix}/, and this request came without that"
                " prefix: a proxy in front of it may remove it. See docs/troubleshooting.md."
            )
        if not self._prefix and self._ends.fullmatch(path):
            return (
                "There is nothing here, but at a shorter path. Where a proxy passes requests on"
                " with a prefix, set BASE_PATH to that. See docs/troubleshooting.md."
            )
        return ""


def _allow(item: Mapping[str, Any]) -> str:
    methods = {name.upper() for name in item} & {"GET", "POST", "PUT", "PATCH", "DELETE"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def http_error(request: Any, error: Exception, methods: Methods | None = None) -> ConnexionResponse:
    """A failure that the web framework found: no such path or method, wrong media type."""
    assert isinstance(error, HTTPException)  # noqa: S101
    status = HTTPStatus(error.status_code)
    misplaced = methods.misplaced(request.url.path) if methods and status == 404 else ""
    problem = {
        "type": TYPE_PREFIX + status.phrase.lower().replace(" ", "-"),
        "title": status.phrase,
        "status": status.value,
        "detail": misplaced or _DETAILS.get(status.value, status.description or status.phrase),
    }
    allow = methods.allowed(request.url.path) if methods and status == 405 else ""
    return _response(request, problem, {"Allow": allow} if allow else {})


def page_error(request: Request, error: Exception, methods: Methods | None = None) -> Response:
    """The same for what is found before the API is reached."""
    return _page(http_error(request, error, methods))


def page_fault(request: Request, error: Exception) -> Response:
    """A bug of ours outside of the API: gunicorn says nothing of one that was answered."""
    return _page(unexpected(request, error))


def _page(answer: ConnexionResponse) -> Response:
    return Response(answer.body, answer.status_code, answer.headers)


def unexpected(request: Any, error: Exception) -> ConnexionResponse:
    """A bug of ours: told in the log, not in the answer."""
    log.error("unexpected error", exc_info=error)
    return _response(request, fault().problem(), {})


_DETAILS = {
    400: "A parameter of the path or the query is not as openapi.yaml describes it.",
    401: "Send a user name and password (HTTP Basic) or a JupyterHub token.",
    404: "There is nothing here. The paths are listed at ui/ and in openapi.json.",
    405: "This path does not take that method.",
    415: "Send the body as application/json.",
}


def _response(request: Any, problem: dict[str, Any], headers: dict[str, str]) -> ConnexionResponse:
    # a browser that was challenged keeps the password and sends it from any page (CSRF)
    if problem["status"] == 401 and "sec-fetch-mode" not in request.headers:
        headers["WWW-Authenticate"] = CHALLENGE
    problem["request_id"] = logs.request_id.get()
    body = json.dumps(problem, ensure_ascii=False)
    return ConnexionResponse(problem["status"], content_type=MEDIA_TYPE, body=body, headers=headers)
