"""The log of a project's server: its last lines, and those that come while somebody looks."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.errors import LauncherError
from launcher.hub.server_logs import LogPage
from launcher.parts import Parts
from launcher.web import pages, project_list
from launcher.web.project_servers import find
from launcher.web.visitors import required
from launcher.web.words import for_people

MAX_LINES = 500


def routes(path: str) -> list[BaseRoute]:
    """The route, below the path of the page Projects."""
    return [Route(f"{path}/servers/{{server}}/log", pages.shown(show))]


async def show(request: Request) -> Response:
    """The page with the state and the last lines; it says why if there are none."""
    visitor = await required(request)
    kept = await find(request, visitor, request.path_params["server"])
    parts: Parts = request.state.parts
    item = await project_list.find_item(parts, kept)
    log, missing = LogPage([], ""), None
    try:
        log = await parts.server_logs.read(kept.server, max_lines=MAX_LINES)
    except LauncherError as error:
        missing = error
    return pages.page(
        request,
        "project_log.html",
        visitor=visitor,
        status=missing.status if missing else 200,
        it=item,
        log=log,
        max_lines=MAX_LINES,
        missing=for_people(missing.detail) if missing else "",
        # the same lines, for the page's script
        lines_address=f"{parts.settings.prefix}/logs/{quote(kept.server.name)}",
    )
