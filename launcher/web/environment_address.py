"""Addresses of the page Environments and its forms, and what they name."""

from starlette.requests import Request
from starlette.responses import Response

from launcher.entrypoints import checks
from launcher.entrypoints.model import Entrypoint, System
from launcher.errors import NotFound
from launcher.parts import Parts
from launcher.web import pages
from launcher.web.visitors import Visitor


def system_of(request: Request) -> System:
    """The system that the query names, else the first one; raises NotFound."""
    parts: Parts = request.state.parts
    systems = parts.registry.systems
    name = request.query_params.get("system") or next(iter(systems), "")
    if name not in systems:
        raise checks.not_found("system", name, systems)
    return systems[name]


async def own(request: Request, visitor: Visitor) -> Entrypoint:
    """The visitor's entrypoint in the address; raises NotFound."""
    parts: Parts = request.state.parts
    wanted = request.path_params["entrypoint"]
    for each in await parts.registry.of_user(visitor.identity.name):
        if each.id == wanted:
            return each
    raise NotFound("There is no such environment. It may have been removed.")


def tab_address(request: Request, fragment: str = "") -> str:
    """The address of the tab that the request was sent from."""
    system = request.query_params.get("system", "")
    query = {"system": system} if system else None
    path = pages.address(pages.settings_of(request), "home", "environments", query=query)
    return f"{path}#{fragment}" if fragment else path


def to_tab(request: Request, fragment: str = "") -> Response:
    """Redirect to the tab that the request was sent from, and there to an element."""
    return pages.redirect_to(tab_address(request, fragment))
