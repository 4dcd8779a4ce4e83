"""The page of a workshop: its notebooks, and launches for all participants."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.parts import Parts
from launcher.web import pages, workshop_material
from launcher.web.visitors import required


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the page, and of its buttons."""
    return [
        Route(f"{prefix}/home/workshops/{{workshop}}", pages.shown(show)),
        *workshop_material.routes(prefix, show),
    ]


async def show(request: Request) -> Response:
    """The page; with the reason, if one of its forms was refused."""
    visitor = await required(request)
    parts: Parts = request.state.parts
    viewer = workshop_material.viewer_of(request, visitor)
    name = str(request.path_params["workshop"])
    workshop = await parts.workshops.find(viewer, visitor.identity, name)
    return pages.page(
        request,
        "workshop_page.html",
        visitor=visitor,
        workshop=workshop,
        **await workshop_material.material(request, visitor, viewer, workshop),
    )
