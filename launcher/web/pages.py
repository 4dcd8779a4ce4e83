"""Renders the pages: one base template, one security policy, errors as pages."""

import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match

import launcher
from launcher import logs, urls
from launcher.auth.browser import is_navigation
from launcher.config import Launcher
from launcher.errors import BadRequest, LauncherError, NotFound, Unauthorized, fault
from launcher.web import content_security, static_files
from launcher.web.visitors import (
    SignInRequired,
    Visitor,
    forget_planted,
    page_address,
    sign_in_address,
    visitor,
)
from launcher.web.words import for_people

log = logging.getLogger("launcher")


def _moment(moment: float | str) -> datetime:
    """A time in seconds since 1970, or as the hub writes it (ISO 8601)."""
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).astimezone(UTC)
    return datetime.fromtimestamp(moment, UTC)


_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("launcher.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_TEMPLATES.filters["iso"] = lambda moment: _moment(moment).isoformat(timespec="seconds")
_TEMPLATES.filters["utc"] = lambda moment, date=False: _moment(moment).strftime(
    "%Y-%m-%d %H:%M UTC" if date else "%H:%M:%S UTC"
)

Endpoint = Callable[[Request], Awaitable[Response]]


def settings_of(request: Request) -> Launcher:
    """The settings of the launcher that serves the request."""
    settings: Launcher = request.state.parts.settings
    return settings


def page(
    request: Request,
    template: str,
    *,
    visitor: Visitor | None,
    status: int = 200,
    frame: bool = False,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """Render a template as a page; `frame` allows it to show a frame of the launcher's own."""
    settings = settings_of(request)
    hub = hub_url(settings)
    html = render(
        template,
        prefix=settings.prefix,
        here=request.url.path,
        static=functools.partial(static_files.url, settings.prefix),
        hub_url=hub,
        hub_home_url=urls.join(hub, "hub", "home"),
        visitor=visitor,
        xsrf=visitor.xsrf if visitor else "",
        version=launcher.__version__,
        has_environments=bool(request.state.parts.registry.systems),
        has_projects=len(request.state.parts.git_hosts) > 0,
        has_workshops=bool(settings.teacher_groups),
        **context,
    )
    policy = {"Content-Security-Policy": content_security.page(frame=frame)}
    return HTMLResponse(html, status, headers={**policy, **(headers or {})})


def render(template: str, **context: Any) -> str:
    """Render a template; its values are escaped."""
    return _TEMPLATES.get_template(template).render(context)


async def visitor_if_known(request: Request) -> Visitor | None:
    """The user of the request's session; None also while the hub is away."""
    try:
        return await visitor(request)
    except LauncherError:
        return None


def hub_url(settings: Launcher) -> str:
    """The hub's base URL for a browser: absolute, or a path on the launcher's own host."""
    return settings.jupyterhub_url.rstrip("/")


def own_url(request: Request) -> str:
    """The launcher's URL as the browser sees it: from the settings, else from the request."""
    settings = settings_of(request)
    return settings.own_url or f"{request.url.scheme}://{request.url.netloc}{settings.prefix}"


def address(settings: Launcher, *segments: str, query: dict[str, str] | None = None) -> str:
    """The path of a page of the launcher, with a slash at its end if it has no segments."""
    path = urls.join(settings.prefix, *segments)
    return f"{path}?{urlencode(query)}" if query else path


def redirect(request: Request, *segments: str, query: dict[str, str] | None = None) -> Response:
    """Redirect to a page of the launcher with GET (303 See Other); `home` is the home page."""
    settings = settings_of(request)
    end = "/" if segments == ("home",) and not query else ""
    return RedirectResponse(address(settings, *segments, query=query) + end, 303)


def redirect_to(path: str) -> Response:
    """Redirect to a path of the launcher that was made here."""
    return RedirectResponse(path, 303)


def shown(endpoint: Endpoint) -> Endpoint:
    """Wrap the endpoint of a page: its errors become pages, and a missing session a sign-in."""

    @functools.wraps(endpoint)
    async def respond(request: Request) -> Response:
        try:
            return await endpoint(request)
        except SignInRequired as required:
            if not is_navigation(request):
                # a script cannot sign in, and would be sent around for ever
                return await error_page(request, Unauthorized("Sign in to see this page."))
            response = RedirectResponse(required.location, 303)
            forget_planted(request, response)
            return response
        except LauncherError as error:
            return await error_page(request, error)

    return respond


async def error_page(request: Request, error: LauncherError) -> Response:
    """The page for an error."""
    if error.status >= 500:
        log.warning("a request failed", extra={"type": error.slug, "reason": error.detail})
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return await _error(request, error.status, error.title, for_people(error.detail), headers)


async def _error(
    request: Request, status: int, title: str, detail: str, headers: dict[str, str]
) -> Response:
    return page(
        request,
        "error.html",
        visitor=await visitor_if_known(request),
        status=status,
        headers=headers,
        title=title,
        detail=detail,
        status_code=status,
        request_id=logs.request_id.get(),
        address=_address_again(request),
        again="" if request.method in ("GET", "HEAD") else page_address(request),
        sign_in=_sign_in_again(request),
    )


def elsewhere(routes: Sequence[BaseRoute]) -> Endpoint:
    """The endpoint for what the routes do not serve: pages for wrong addresses and methods.

    An address with a slash too many leads to its page.
    """

    async def respond(request: Request) -> Response:
        if found := _without_slash(routes, request):
            return redirect_to(found)
        partial = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
        if not partial:
            raise HTTPException(404)
        methods = {name for route in partial for name in getattr(route, "methods", None) or ()}
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})

    return respond


def _without_slash(routes: Sequence[BaseRoute], request: Request) -> str:
    """The address of the request without the slash at its end if that is a page, else ''."""
    raw = bytes(request.scope.get("raw_path") or b"").partition(b"?")[0]
    if request.method not in ("GET", "HEAD") or not raw.endswith(b"/"):
        return ""
    scope = {**request.scope, "path": request.scope["path"][:-1]}
    if not any(route.matches(scope)[0] is Match.FULL for route in routes):
        return ""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{raw[:-1].decode('ascii')}{query}"


async def http_error(request: Request, error: HTTPException) -> Response:
    """The page for an error of the web framework: a wrong address or method."""
    if error.status_code == 405:
        detail = "This address cannot be used this way. Go to the home page, and begin there."
        headers = dict(error.headers or {})
        return await _error(request, 405, "Not possible this way", detail, headers)
    return await error_page(request, NotFound("There is no page at this address."))


async def page_fault(request: Request) -> Response:
    """The page for a bug, whose details are only logged."""
    return await error_page(request, fault())


def _sign_in_again(request: Request) -> str:
    """The address of a sign-in that returns to the page of this request, if it is one."""
    prefix = settings_of(request).prefix
    with suppress(BadRequest):  # a very long address
        if request.url.path.startswith((f"{prefix}/home/", f"{prefix}/launch/")):
            return sign_in_address(request)
    return address(settings_of(request), "home", "sign-in")


def _address_again(request: Request) -> str:
    """The address for "Try again": of this page if it was only looked at, else of the home page."""
    if request.method in ("GET", "HEAD"):
        query = f"?{request.url.query}" if request.url.query else ""
        return f"{request.url.path}{query}"
    return address(settings_of(request), "home") + "/"
