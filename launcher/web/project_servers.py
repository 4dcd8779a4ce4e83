"""What can be done with the server of a project: stop, resume, and remove it."""

import secrets
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher import urls
from launcher.errors import BadRequest, NotFound
from launcher.parts import Parts
from launcher.server_ref import ServerRef
from launcher.store import project_servers
from launcher.store.project_servers import ProjectServer
from launcher.web import pages, project_launch, project_list
from launcher.web.launch import to_page
from launcher.web.visitors import Visitor, changing, required


def routes(path: str) -> list[BaseRoute]:
    """The routes, below the path of the page Projects."""
    return [
        Route(f"{path}/servers", pages.shown(change), methods=["POST"]),
        Route(f"{path}/servers/{{server}}/remove", pages.shown(ask), methods=["GET"]),
        Route(f"{path}/servers/{{server}}/remove", pages.shown(remove), methods=["POST"]),
    ]


async def change(request: Request) -> Response:
    """Stop or resume a server."""
    visitor, sent = await changing(request)
    kept = await find(request, visitor, str(sent.get("server", "")))
    action = str(sent.get("action", ""))
    if action == "stop":
        with suppress(NotFound):  # it is gone from the hub already
            await request.state.parts.servers.stop(kept.server)
        return to_list(request)
    if action != "resume":
        raise BadRequest("This button is not known. Nothing was changed.")
    launch = await project_launch.resume(
        request, visitor, kept.server, str(sent.get("key") or secrets.token_hex(16))
    )
    return to_page(request, launch) if launch else to_list(request)


async def ask(request: Request) -> Response:
    """The page that asks whether the server is to be removed; nothing is removed."""
    visitor = await required(request)
    kept = await find(request, visitor, request.path_params["server"])
    return pages.page(
        request,
        "project_remove.html",
        visitor=visitor,
        kept=kept,
        title=project_list.title_of(kept),
    )


async def remove(request: Request) -> Response:
    """Stop and remove the server; its workspace stays in the home."""
    visitor, _ = await changing(request)
    kept = await find(request, visitor, request.path_params["server"])
    parts: Parts = request.state.parts
    with suppress(NotFound):  # it was not made yet, or was removed at the hub
        await parts.servers.stop(kept.server, remove=True)
    await parts.project_servers.forget(kept.server)
    return to_list(request, "removed")


async def find(request: Request, visitor: Visitor, name: str) -> ProjectServer:
    """The visitor's server for a project with that name; raises NotFound."""
    parts: Parts = request.state.parts
    try:
        urls.parse_server_name(name, "/server")
    except BadRequest as error:
        raise _unknown() from error
    server = ServerRef(visitor.identity.name, name)
    found: ProjectServer | None = await parts.store.read(project_servers.find, server)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("You have no such server for a project. The page Projects lists yours.")


def to_list(request: Request, fragment: str = "servers") -> Response:
    """Redirect to the list, or there to the message that a server was removed."""
    path = pages.address(pages.settings_of(request), "home", "projects")
    return pages.redirect_to(f"{path}#{fragment}")
