"""The page Workshops: the list, and for each workshop its dashboard, summary and export."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from launcher.errors import HubRefused, HubUnavailable, NotFound
from launcher.parts import Parts
from launcher.store.workshops import Workshop
from launcher.web import notebook_views, notebooks, pages, workshop_form, workshop_material
from launcher.web.teaching import viewer_of
from launcher.web.visitors import Visitor, required
from launcher.workshops import export
from launcher.workshops.dashboards import Dashboard
from launcher.workshops.people import Viewer
from launcher.workshops.registry import require_teacher

# of a workshop whose participants are not known
NO_BOARD = Dashboard([], participants=None, left_out=0)


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the list, and of each workshop."""
    path = f"{prefix}/home/workshops"
    one = f"{path}/{{workshop}}"
    return [
        Route(path, pages.shown(show_all)),
        *workshop_form.routes(path),
        Route(one, pages.shown(show)),
        Route(f"{one}/now", pages.shown(now)),
        Route(f"{one}/class", pages.shown(give)),
        *workshop_material.routes(one, give),
        Route(f"{one}/summary", pages.shown(summary)),
        Route(f"{one}/export", pages.shown(download)),
        Route(f"{prefix}/home/notebooks/summary", pages.shown(summary)),
        Route(f"{prefix}/home/notebooks/export", pages.shown(download)),
    ]


async def show_all(request: Request) -> Response:
    """The workshops that the visitor may see."""
    visitor = await required(request)
    parts: Parts = request.state.parts
    viewer = viewer_of(request, visitor)
    return pages.page(
        request,
        "workshops.html",
        visitor=visitor,
        workshops=await parts.workshops.of(viewer, visitor.identity),
        sees_all=viewer.sees_all,
        now=datetime.now(UTC).timestamp(),
    )


async def show(request: Request) -> Response:
    """A workshop: its dashboard, and for participants its notebooks."""
    visitor = await required(request)
    viewer = viewer_of(request, visitor)
    workshop = await _workshop(request, visitor, viewer)
    material = await workshop_material.material(request, visitor, viewer, workshop)
    return await _board_page(request, visitor, workshop, "workshop.html", material=material)


async def now(request: Request) -> Response:
    """What changes on the page of a workshop."""
    visitor = await required(request)
    workshop = await _workshop(request, visitor, viewer_of(request, visitor))
    return await _board_page(request, visitor, workshop, "dashboard_now.html")


async def give(request: Request) -> Response:
    """What a teacher gives to the class; with the reason, if one of its forms was refused."""
    visitor = await required(request)
    viewer = viewer_of(request, visitor)
    require_teacher(viewer)
    workshop = await _workshop(request, visitor, viewer)
    return pages.page(
        request,
        "workshop_class.html",
        visitor=visitor,
        workshop=workshop,
        material=await workshop_material.material(request, visitor, viewer, workshop),
    )


async def summary(request: Request) -> Response:
    """The last cells of one notebook of each participant."""
    visitor = await required(request)
    viewer = viewer_of(request, visitor)
    workshop = await _workshop_if_any(request, visitor, viewer)
    found = await _board(request, viewer, workshop)
    names = [board.filename for board in found.notebooks]
    wanted = request.query_params.get("notebook") or next(iter(names), "")
    if wanted and wanted not in names:
        raise NotFound("There is no such notebook here.")
    return pages.page(
        request,
        "summary.html",
        visitor=visitor,
        frame=True,
        workshop=workshop,
        names=names,
        notebook=next((each for each in found.notebooks if each.filename == wanted), None),
        view=notebook_views.summary(request),
        choices=notebook_views,
    )


async def download(request: Request) -> Response:
    """The notebooks of a day as a zip file."""
    visitor = await required(request)
    parts: Parts = request.state.parts
    viewer = viewer_of(request, visitor)
    workshop = await _workshop_if_any(request, visitor, viewer)
    query = request.query_params
    day = export.parse_day(query.get("day", ""), query.get("utc_offset", ""))
    try:
        file = await parts.exports.of_day(viewer, workshop, day)
    except NotFound as error:
        request.state.export_problem = error.detail
        shown = await (show(request) if workshop else notebooks.show(request))
        shown.status_code = error.status
        return shown
    return StreamingResponse(file.content, media_type=export.MEDIA_TYPE, headers=file.headers)


async def _board_page(
    request: Request, visitor: Visitor, workshop: Workshop, template: str, **context: Any
) -> Response:
    viewer, board, problem = viewer_of(request, visitor), NO_BOARD, ""
    try:
        board = await _board(request, viewer, workshop)
    except (NotFound, HubRefused, HubUnavailable) as error:
        problem = error.detail
    return pages.page(
        request,
        template,
        visitor=visitor,
        workshop=workshop,
        board=board,
        problem=problem,
        export_problem=getattr(request.state, "export_problem", ""),
        sees_all=viewer.sees_all,
        now=datetime.now(UTC).timestamp(),
        retention_days=workshop.retention_days
        or pages.settings_of(request).workshop_retention_days,
        **context,
    )


async def _workshop(request: Request, visitor: Visitor, viewer: Viewer) -> Workshop:
    """The workshop in the address; raises NotFound."""
    parts: Parts = request.state.parts
    name = str(request.path_params["workshop"])
    return await parts.workshops.find(viewer, visitor.identity, name)


async def _workshop_if_any(request: Request, visitor: Visitor, viewer: Viewer) -> Workshop | None:
    """The workshop in the address; None if it is about all notebooks. Raises NotFound."""
    if "workshop" not in request.path_params:
        return None
    return await _workshop(request, visitor, viewer)


async def _board(request: Request, viewer: Viewer, workshop: Workshop | None) -> Dashboard:
    parts: Parts = request.state.parts
    if workshop is None:
        return await parts.dashboards.of_all(viewer)
    return await parts.dashboards.of_workshop(viewer, workshop)
