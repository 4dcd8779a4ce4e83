"""Pages, static files, and the security headers of every response."""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from swagger_ui_bundle import swagger_ui_path

from launcher.web import (
    content_security,
    environments,
    experiment,
    home,
    launch,
    launch_again,
    notebooks,
    pages,
    preview,
    projects,
    sign_in,
    signed_link,
    static_files,
    token,
    workshop_page,
)

UI = Path(__file__).with_name("ui")
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

_HEADERS = {
    "Content-Security-Policy": content_security.NO_PAGE,
    "Cross-Origin-Opener-Policy": "noopener-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the pages, of Swagger UI at ui/, and of the static files."""

    async def to_ui(_request: Request) -> Response:
        return RedirectResponse(f"{prefix}/ui/")

    async def to_form(request: Request) -> Response:
        """Lead a link without an experiment to the form of a project, if it names one."""
        if "repo" in request.query_params:
            return RedirectResponse(f"{prefix}/home/projects?{request.url.query}", 303)
        return RedirectResponse(f"{prefix}/home/#experiments", 303)

    routes_of_pages = [
        *home.routes(prefix),
        *sign_in.routes(prefix),
        *launch.routes(prefix),
        *launch_again.routes(prefix),
        *token.routes(prefix),
        *environments.routes(prefix),
        *projects.routes(prefix),
        *notebooks.routes(prefix),
        *workshop_page.routes(prefix),
        *preview.routes(prefix),
        *experiment.routes(prefix),
        *signed_link.routes(prefix),
    ]
    elsewhere = pages.elsewhere(routes_of_pages)
    return [
        *routes_of_pages,
        *static_files.routes(prefix),
        Route(f"{prefix}/launch", to_form),
        Route(f"{prefix}/launch/", to_form),
        Route(f"{prefix}/home/{{path:path}}", elsewhere, methods=METHODS),
        Route(f"{prefix}/launch/{{path:path}}", elsewhere, methods=METHODS),
        Route(f"{prefix}/ui", to_ui),
        Route(f"{prefix}/ui/", _ui),
        Mount(f"{prefix}/ui/page", StaticFiles(directory=UI)),
        Mount(f"{prefix}/ui", StaticFiles(directory=swagger_ui_path)),
    ]


def is_page(prefix: str, path: str) -> bool:
    """Whether what is at that path answers with HTML also for errors."""
    return path.startswith((f"{prefix}/home/", f"{prefix}/launch/", f"{prefix}/oauth_callback"))


async def _ui(request: Request) -> Response:
    """Swagger UI, with the session of the pages if there is one."""
    known = await pages.visitor_if_known(request)
    policy = {"Content-Security-Policy": content_security.SWAGGER_UI}
    html = pages.render("ui.html", xsrf=known.xsrf if known else "")
    return HTMLResponse(html, headers=policy)


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
