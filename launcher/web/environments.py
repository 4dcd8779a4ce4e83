"""The page Environments: what a user's servers start in, on each system."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.entrypoints.model import System
from launcher.errors import BadRequest, LauncherError, NotFound
from launcher.parts import Parts
from launcher.web import environment_form, environment_list, environment_remove, pages
from launcher.web.environment_address import system_of, to_tab
from launcher.web.environment_list import Tab
from launcher.web.visitors import Visitor, changing, required
from launcher.web.words import for_people


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the page, and of the forms that it leads to."""
    path = f"{prefix}/home/environments"
    return [
        Route(path, pages.shown(show), methods=["GET"]),
        Route(path, pages.shown(change), methods=["POST"]),
        *environment_form.routes(path),
        *environment_remove.routes(path),
    ]


async def show(request: Request) -> Response:
    """The tab of a system."""
    visitor = await required(request)
    parts: Parts = request.state.parts
    if not parts.registry.systems:
        return await _page(request, visitor, None)
    system = system_of(request)
    return await _page(
        request, visitor, await environment_list.tab(parts, visitor.identity.name, system)
    )


async def change(request: Request) -> Response:
    """What a button of the page does: select, clear, or check an entrypoint again."""
    visitor, sent = await changing(request)
    action, entrypoint = str(sent.get("action", "")), str(sent.get("entrypoint", ""))
    user, parts = visitor.identity.name, request.state.parts
    if action == "clear":
        # also on a system that is not configured any more
        await parts.registry.clear(user, str(sent.get("system", "")))
        return to_tab(request, "selected")
    system = system_of(request)
    if action == "select":
        return await _select(request, visitor, system, entrypoint)
    if action == "check":
        return await _check(request, visitor, system, entrypoint)
    raise BadRequest("This button is not known. Nothing was changed.")


async def _select(request: Request, visitor: Visitor, system: System, entrypoint: str) -> Response:
    parts: Parts = request.state.parts
    try:
        await parts.registry.select(visitor.identity.name, system.name, id=entrypoint)
    except LauncherError as error:
        return await _refused(request, visitor, system, entrypoint, error)
    return to_tab(request, "selected")


async def _check(request: Request, visitor: Visitor, system: System, entrypoint: str) -> Response:
    """The page with the report of a new check."""
    parts: Parts = request.state.parts
    tab = await environment_list.tab(parts, visitor.identity.name, system)
    item = tab.item(entrypoint)
    if item is None:
        raise NotFound("There is no such environment on this system any more.")
    item.report = await parts.registry.validate(visitor.identity.name, item.entrypoint, system.name)
    return await _page(request, visitor, tab)


async def _refused(
    request: Request, visitor: Visitor, system: System, entrypoint: str, error: LauncherError
) -> Response:
    """The page, with the error beside the entrypoint that it is about."""
    tab = await environment_list.tab(request.state.parts, visitor.identity.name, system)
    item = tab.item(entrypoint)
    if item is None:
        raise error
    item.error = for_people(error.detail)
    return await _page(request, visitor, tab, status=error.status)


async def _page(request: Request, visitor: Visitor, tab: Tab | None, status: int = 200) -> Response:
    parts: Parts = request.state.parts
    return pages.page(
        request,
        "environments.html",
        visitor=visitor,
        status=status,
        tab=tab,
        looked=parts.settings.validator != "none",
        systems=list(parts.registry.systems.values()),
        system_names={each.name: each.display_name for each in parts.registry.systems.values()},
        retired=await environment_list.retired(parts, visitor.identity.name),
    )
