"""Launches of projects that begin on a page: planned from a form, or repeated."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from launcher.launches.request import ProjectRequest
from launcher.parts import Parts
from launcher.projects.planning import Plan
from launcher.projects.servers import Placed
from launcher.server_ref import ServerRef
from launcher.store.launches import Environment, Launch
from launcher.web import opening
from launcher.web.visitors import Visitor


async def place(
    request: Request,
    visitor: Visitor,
    plan: Plan,
    environment: Environment | None,
    *,
    replace_running: bool,
) -> Placed:
    """The request for a launch of what was planned; raises as `ProjectServers.place`."""
    parts: Parts = request.state.parts
    return await parts.project_servers.place(
        plan, environment, visitor.identity.groups, replace_running=replace_running
    )


async def begin(
    request: Request,
    visitor: Visitor,
    project: ProjectRequest,
    environment: Environment | None,
    key: str,
) -> Launch:
    """Begin a launch of a project; raises TooManyServers, and as `opening.begin`."""
    server = project.server.server.name
    return await opening.begin(request, visitor, None, server, key, environment, project=project)


async def resume(
    request: Request, visitor: Visitor, server: ServerRef, key: str, opens: str | None = None
) -> Launch | None:
    """Begin a launch that starts the server of a project again; None if it is not kept for one.

    It starts in the environment that it was made for. Raises as `begin`.
    """
    parts: Parts = request.state.parts
    project = await parts.project_servers.resume(server, visitor.identity.groups)
    if project is None:
        return None
    environment = await opening.environment(request, visitor, _environment(project))
    return await begin(request, visitor, replace(project, opens=opens), environment, key)


def _environment(project: ProjectRequest) -> Mapping[str, Any]:
    kept = project.server
    return {"entrypoint": kept.entrypoint or "", "system": kept.system or ""}
