"""Paths that look like one of an operation, but are not."""

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from launcher.api.problems import Methods

# /{namespace}/{project}/{commit_sha}
SEGMENTS = 3
# int() refuses more than 4300 digits (sys.int_info), and Connexion calls it for each such segment
_LONG_NUMBER = re.compile(r"/[+-]?[0-9]{1000}")


class OnlyCommits:
    """Keeps `/{namespace}/{project}/{commit_sha}` from taking all other paths of three segments.

    Connexion matches a segment whatever it is. Literal paths come first, and a last segment that is
    no sha is not a project's. A number of a thousand digits is nobody's id.
    """

    def __init__(self, app: ASGIApp, methods: Methods, prefix: str) -> None:
        self._app = app
        self._methods = methods
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application; raises HTTPException 404 or 405."""
        if scope["type"] == "http":
            path = scope["path"]
            if _LONG_NUMBER.search(path):
                raise HTTPException(404)
            if path.removeprefix(self._prefix).count("/") == SEGMENTS:
                allowed = self._methods.allowed(path)
                if scope["method"] not in allowed.split(", "):
                    raise HTTPException(405 if allowed else 404)
        await self._app(scope, receive, send)
