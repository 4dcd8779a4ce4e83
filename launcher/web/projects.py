"""The page Projects: the form that starts a server for a git project, and the servers there are."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.errors import LauncherError
from launcher.launches.request import ProjectRequest
from launcher.parts import Parts
from launcher.projects.planning import Plan
from launcher.store.launches import Environment
from launcher.web import (
    opening,
    pages,
    project_badge,
    project_draft,
    project_launch,
    project_log,
    project_page,
    project_references,
    project_servers,
    project_tokens,
    renewal,
)
from launcher.web.launch import to_page
from launcher.web.project_draft import REPOSITORY, ProjectDraft
from launcher.web.visitors import Visitor, required, submitted_form
from launcher.web.visitors import visitor as known

START, REPLACE, OPEN, SHARE = "start", "replace", "open", "share"


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the page, of the links to its form, and of the pages that it leads to."""
    path = f"{prefix}/home/projects"
    return [
        Route(path, pages.shown(show), methods=["GET"]),
        Route(path, pages.shown(submit), methods=["POST"]),
        Route(f"{path}/now", pages.shown(project_page.now)),
        *project_references.routes(path),
        *project_servers.routes(path),
        *project_log.routes(path),
        *project_badge.routes(path),
        *project_tokens.routes(path),
    ]


async def show(request: Request) -> Response:
    """The form, filled in from the link; nothing is started."""
    visitor = await required(request)
    parts: Parts = request.state.parts
    offered = parts.server_options.offered(visitor.identity.groups)
    pairs = request.query_params.multi_items()
    draft = project_draft.from_link(offered, pairs)
    draft.fill_from_page(parts.git_hosts)
    draft.check(parts.git_hosts, parts.server_options, visitor.identity.groups)
    return await project_page.page(request, visitor, draft)


async def submit(request: Request) -> Response:
    """What a button of the form does."""
    visitor = await known(request)
    sent = await submitted_form(request, *([] if visitor else [renewal.MAX_UNKNOWN]))
    parts: Parts = request.state.parts
    groups = visitor.identity.groups if visitor else frozenset()
    draft = project_draft.submitted(parts.server_options.offered(groups), sent)
    if visitor is None:
        return project_page.signed_out(request, draft)
    if not renewal.is_own(request, visitor, sent):
        draft.message = "Your session was renewed. Press the button again."
        return await project_page.page(request, visitor, draft, status=403)
    action = str(sent.getlist("action")[-1] if "action" in sent else START)
    if action not in (START, REPLACE, OPEN, SHARE):
        draft.message = "This button is not known. Nothing was started."
        return await project_page.page(request, visitor, draft, status=400)
    draft.fill_from_page(parts.git_hosts)
    draft.check(parts.git_hosts, parts.server_options, groups)
    if not draft.body.get("repository"):
        draft.add(REPOSITORY, "has to be filled in")
    if draft.problems:
        return await project_page.page(request, visitor, draft, status=400)
    if action == SHARE:
        return await _share(request, visitor, draft)
    return await _start(request, visitor, draft, action, str(sent.get("key") or ""))


async def _share(request: Request, visitor: Visitor, draft: ProjectDraft) -> Response:
    """What others can open the project with, if the visitor could start it now."""
    try:
        await _plan(request, visitor, draft)
    except LauncherError as error:
        draft.explain(error)
        return await project_page.page(request, visitor, draft, status=error.status)
    return await project_page.page(request, visitor, draft, is_shared=True)


async def _start(
    request: Request, visitor: Visitor, draft: ProjectDraft, action: str, key: str
) -> Response:
    """Begin the launch; on the page if it is not possible, or has to be chosen."""
    try:
        await request.state.parts.readiness.require()
        plan = await _plan(request, visitor, draft)
        environment = await opening.environment(request, visitor, draft.fields)
        project = await _placed(request, visitor, draft, plan, environment, action)
        if project is None:
            return await project_page.page(request, visitor, draft, status=409)
        launch = await project_launch.begin(request, visitor, project, environment, key)
    except LauncherError as error:
        # nothing that was typed is lost
        draft.explain(error)
        return await project_page.page(request, visitor, draft, status=error.status)
    return to_page(request, launch)


async def _plan(request: Request, visitor: Visitor, draft: ProjectDraft) -> Plan:
    """What the form asks for, with a branch, tag or commit that there is."""
    parts: Parts = request.state.parts
    asked = draft.asked(parts.git_hosts)
    user = visitor.identity
    return await parts.planning.plan(user.name, asked, user.groups)


async def _placed(
    request: Request,
    visitor: Visitor,
    draft: ProjectDraft,
    plan: Plan,
    environment: Environment | None,
    action: str,
) -> ProjectRequest | None:
    """The request; None if the server runs with other options, and it was not chosen what to do."""
    placed = await project_launch.place(
        request, visitor, plan, environment, replace_running=action == REPLACE
    )
    if placed.keeps_other_options and action != OPEN:
        draft.is_other = True
        return None
    return placed.request
