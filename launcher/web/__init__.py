"""Pages, static files, and the security headers of every response."""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from swagger_ui_bundle import swagger_ui_path

from launcher.web import content_security

UI = Path(__file__).with_name("ui")

_HEADERS = {
    "Content-Security-Policy": content_security.NO_PAGE,
    "Cross-Origin-Opener-Policy": "noopener-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of Swagger UI at ui/, with redirects from the service's own address."""

    async def to_ui(_request: Request) -> Response:
        return RedirectResponse(f"{prefix}/ui/")

    return [
        Route(prefix or "/", to_ui),
        *([Route(f"{prefix}/", to_ui)] if prefix else []),
        Route(f"{prefix}/ui", to_ui),
        Route(f"{prefix}/ui/", _page),
        Mount(f"{prefix}/ui/page", StaticFiles(directory=UI)),
        Mount(f"{prefix}/ui", StaticFiles(directory=swagger_ui_path)),
    ]


async def _page(_request: Request) -> Response:
    policy = {"Content-Security-Policy": content_security.SWAGGER_UI}
    return FileResponse(UI / "index.html", headers=policy)


class SecurityHeaders:
    """Adds the headers to every response that does not have them: a page sets its own policy.

    Removes the body of a response to HEAD; gunicorn would do so with a warning.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and add the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif scope["type"] == "http" and scope["method"] == "HEAD" and message.get("body"):
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, send_with_headers)
