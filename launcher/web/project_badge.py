"""The page with the links and badges of a project that the visitor has a server for."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.errors import LauncherError
from launcher.parts import Parts
from launcher.store.project_servers import ProjectServer
from launcher.web import pages, project_draft, project_list
from launcher.web.project_draft import BRANCH
from launcher.web.project_servers import find
from launcher.web.project_share import SharedProject, shared
from launcher.web.visitors import required

# the badges do not wait longer for a git host that hangs
HOST_SECONDS = 3.0


def routes(path: str) -> list[BaseRoute]:
    """The route, below the path of the page Projects."""
    return [Route(f"{path}/servers/{{server}}/badge", pages.shown(show))]


async def show(request: Request) -> Response:
    """The page, to follow the branch, and for the commit that is checked out."""
    visitor = await required(request)
    kept = await find(request, visitor, request.path_params["server"])
    has_branch = await _has_branch(request.state.parts, kept)
    return pages.page(
        request,
        "project_badge.html",
        visitor=visitor,
        title=project_list.title_of(kept),
        kept=kept,
        of_branch=_shared(request, kept, kept.branch, BRANCH) if has_branch else None,
        of_commit=_shared(request, kept, kept.commit_sha, "") if kept.commit_sha else None,
    )


async def _has_branch(parts: Parts, kept: ProjectServer) -> bool:
    """Whether there is the branch, also if its host does not tell now.

    A commit that was opened without a branch is checked out on one that the project may not have.
    """
    found = project_list.repository_of(parts, kept)
    if found is None or kept.commit_sha is None:
        return True
    try:
        async with asyncio.timeout(HOST_SECONDS):
            names = await parts.planning.references(kept.server.user, found, kept.branch)
    except (LauncherError, TimeoutError):
        return True
    return kept.branch in names.branches


def _shared(request: Request, kept: ProjectServer, ref: str, follow: str) -> SharedProject:
    parts: Parts = request.state.parts
    found = project_list.repository_of(parts, kept)
    draft = project_draft.empty({})
    draft.fields |= {
        "repository": found.web_url if found else kept.repository,
        "ref": ref,
        "follow": follow,
    }
    return shared(pages.own_url(request), draft)
