"""Turns exceptions into `application/problem+json` (RFC 9457); used by app and specification."""

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
    """The response for a LauncherError."""
    assert isinstance(error, LauncherError)  # noqa: S101
    # a launch that failed was logged already
    if error.status >= 500 and "Link" not in error.headers:
        log.warning("a request failed", extra={"type": error.slug, "reason": error.detail})
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    problem = error.problem()
    problem.pop("retry_after", None)
    return _response(request, problem, headers)


class Methods:
    """The methods of each path, and explanations of paths that a proxy may have changed."""

    def __init__(self, paths: Mapping[str, Mapping[str, Any]], prefix: str) -> None:
        """`paths` is from the OpenAPI document; `prefix` comes before each of them."""
        self._prefix = prefix
        own = {path: re.sub(r"\{(\w+)\}", _segment, path) for path in paths}
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
        """Why a path with a missing or an extra prefix does not exist; '' for other paths."""
        if self._prefix and not f"{path}/".startswith(f"{self._prefix}/"):
            return (
                f"The launcher's paths are below {self._prefix}/, and this one is not: a proxy in"
                " front of the launcher may remove the prefix. See docs/troubleshooting.md."
            )
        if not self._prefix and self._ends.fullmatch(path):
            return (
                "There is nothing at this path, but at a shorter one. If a proxy adds a prefix,"
                " set BASE_PATH to it. See docs/troubleshooting.md."
            )
        return ""


# parameters of paths that are not any text
_SEGMENTS = {"commit_sha": "[0-9a-fA-F]{7,40}", "event_id": "[0-9]+", "notebook_id": "[0-9]+"}


def _segment(parameter: re.Match[str]) -> str:
    """What a parameter of a path matches."""
    return _SEGMENTS.get(parameter[1], "[^/]+")


def _allow(item: Mapping[str, Any]) -> str:
    methods = {name.upper() for name in item} & {"GET", "POST", "PUT", "PATCH", "DELETE"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def http_error(request: Any, error: Exception, methods: Methods | None = None) -> ConnexionResponse:
    """The response for an error of the web framework: wrong path, method or media type."""
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
    """The response for an error outside of the API, as `http_error`."""
    return _page(http_error(request, error, methods))


def page_fault(request: Request, error: Exception) -> Response:
    """The response for a bug outside of the API, which is logged."""
    return _page(unexpected(request, error))


def _page(answer: ConnexionResponse) -> Response:
    return Response(answer.body, answer.status_code, answer.headers)


def unexpected(request: Any, error: Exception) -> ConnexionResponse:
    """The response for a bug; its details are only logged."""
    log.error("unexpected error", exc_info=error)
    return _response(request, fault().problem(), {})


_DETAILS = {
    400: "A parameter of the path or the query is not valid.",
    401: "Send a user name and password (HTTP Basic) or a JupyterHub token.",
    404: "There is nothing at this path. The paths are listed at ui/ and in openapi.json.",
    405: "This path does not support the method.",
    415: "Send the body as application/json.",
}


def _response(request: Any, problem: dict[str, Any], headers: dict[str, str]) -> ConnexionResponse:
    # after a challenge, a browser stores the password and sends it from any page (CSRF)
    if problem["status"] == 401 and "sec-fetch-mode" not in request.headers:
        headers["WWW-Authenticate"] = CHALLENGE
    problem["request_id"] = logs.request_id.get()
    body = json.dumps(problem, ensure_ascii=False)
    return ConnexionResponse(problem["status"], content_type=MEDIA_TYPE, body=body, headers=headers)
