"""Renders the page Projects: the form as it is, and the visitor's servers for projects."""

import secrets
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from launcher.forms import Problem
from launcher.links.query import MAX_QUERY
from launcher.parts import Parts
from launcher.store import spawners
from launcher.web import pages, project_list, project_options
from launcher.web.environment_choice import EnvironmentChoice, choice
from launcher.web.project_draft import ENVIRONMENT, TITLES, ProjectDraft
from launcher.web.project_list import ProjectItem
from launcher.web.project_share import shared
from launcher.web.visitors import SignInRequired, Visitor, required, sign_in_address

RECENT = 10


async def page(
    request: Request,
    visitor: Visitor,
    draft: ProjectDraft,
    *,
    status: int = 200,
    is_shared: bool = False,
) -> Response:
    """The page with the form as it is; `is_shared`: with what others can open it with."""
    parts: Parts = request.state.parts
    environments = await _environments(parts, visitor, draft)
    servers = await project_list.find(parts, visitor.identity.name)
    without_effect = await _without_effect(parts, draft)
    draft.sort_problems()
    return pages.page(
        request,
        "projects.html",
        visitor=visitor,
        status=status,
        hosts=list(parts.git_hosts),
        draft=draft,
        titles=TITLES,
        opens=draft.opens(parts.git_hosts),
        controls=project_options.controls(
            draft.offered, draft.texts, draft.problems, without_effect
        ),
        environments=environments,
        recent=recent(servers.items),
        servers=servers,
        shared=shared(pages.own_url(request), draft.with_url(parts.git_hosts))
        if is_shared
        else None,
        key=secrets.token_hex(16),
    )


async def now(request: Request) -> Response:
    """The servers alone: the page's script asks for them often."""
    visitor = await required(request)
    found = await project_list.find(request.state.parts, visitor.identity.name)
    return pages.page(request, "projects_now.html", visitor=visitor, servers=found)


def recent(items: Sequence[ProjectItem]) -> list[str]:
    """The URLs of the repositories that the user opened last."""
    urls = [item.project_url for item in items if item.project_url]
    return list(dict.fromkeys(urls))[:RECENT]


async def _without_effect(parts: Parts, draft: ProjectDraft) -> frozenset[str]:
    """The options that the spawner cannot apply; none as long as it is not known."""
    system = draft.fields["system"]
    spawner = await (
        parts.store.read(spawners.find, system) if system else parts.store.read(spawners.find_only)
    )
    return parts.server_options.without_effect(spawner.fields) if spawner else frozenset()


async def _environments(
    parts: Parts, visitor: Visitor, draft: ProjectDraft
) -> EnvironmentChoice | None:
    """The field Environment; adds what is wrong with it."""
    found = await choice(parts, visitor.identity.name, draft.fields)
    if found and found.problem:
        # it says more than what refused to start a server there
        draft.problems = [each for each in draft.problems if each.name != ENVIRONMENT]
        draft.problems.append(Problem(ENVIRONMENT, "", found.problem))
    elif found is None and (draft.fields["entrypoint"] or draft.fields["system"]):
        draft.problems.append(Problem("", "", "This site has no environments to choose from"))
    return found


def signed_out(request: Request, draft: ProjectDraft) -> Response:
    """Lead to a sign-in that returns to the form, filled in; raises SignInRequired."""
    query = draft.link_query()
    if len(query) <= MAX_QUERY:
        raise SignInRequired(sign_in_address(request, f"{request.url.path}?{query}"))
    return pages.page(
        request,
        "session_ended.html",
        visitor=None,
        status=401,
        happened="started",
        pairs=draft.pairs(),
        form=request.url.path,
    )
