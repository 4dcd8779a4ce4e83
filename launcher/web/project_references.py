"""The branches and tags that the form of a project offers while somebody types."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from launcher.errors import LauncherError
from launcher.parts import Parts
from launcher.web import project_address
from launcher.web.visitors import visitor
from launcher.web.words import for_people


def routes(path: str) -> list[BaseRoute]:
    """The route, below the path of the page Projects."""
    return [Route(f"{path}/references", references)]


async def references(request: Request) -> Response:
    """The names that begin with `prefix`, as JSON; as far as the visitor may read them."""
    try:
        found = await visitor(request)
        if found is None:
            return JSONResponse({"detail": "Sign in to see the branches."}, 401)
        return await _found(request, found.identity.name)
    except LauncherError as error:
        return JSONResponse({"detail": for_people(error.detail)}, error.status)


async def _found(request: Request, user: str) -> Response:
    parts: Parts = request.state.parts
    query = request.query_params
    text = query.get("repository", "").strip()
    page = project_address.folder_page(parts.git_hosts, text)
    repository = project_address.repository(parts.git_hosts, page.repository if page else text)
    prefix = query.get("prefix", "").strip()
    names = await parts.planning.references(user, repository, prefix)
    return JSONResponse(
        {
            "branches": names.branches,
            "tags": names.tags,
            "default": names.default_branch,
            "more": names.is_truncated,
        }
    )
