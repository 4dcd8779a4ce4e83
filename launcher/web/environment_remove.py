"""The page that asks whether an environment is to be removed."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.parts import Parts
from launcher.web import pages
from launcher.web.environment_address import own, tab_address, to_tab
from launcher.web.visitors import changing, required


def routes(path: str) -> list[BaseRoute]:
    """The routes, below the path of the page Environments."""
    return [
        Route(f"{path}/{{entrypoint}}/remove", pages.shown(ask), methods=["GET"]),
        Route(f"{path}/{{entrypoint}}/remove", pages.shown(remove), methods=["POST"]),
    ]


async def ask(request: Request) -> Response:
    """The page that asks; nothing is removed."""
    visitor = await required(request)
    entrypoint = await own(request, visitor)
    parts: Parts = request.state.parts
    systems = parts.registry.systems
    selections = await parts.registry.selections(visitor.identity.name)
    return pages.page(
        request,
        "environment_remove.html",
        visitor=visitor,
        entrypoint=entrypoint,
        selected_on=[
            systems[name].display_name if name in systems else name
            for name, each in selections.items()
            if each.id == entrypoint.id
        ],
        tab_address=tab_address(request),
    )


async def remove(request: Request) -> Response:
    """Remove the entrypoint; raises NotFound, Forbidden for one that the site offers."""
    visitor, _ = await changing(request)
    entrypoint = await own(request, visitor)
    await request.state.parts.registry.remove(visitor.identity.name, entrypoint.id)
    return to_tab(request)
