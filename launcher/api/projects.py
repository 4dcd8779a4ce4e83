"""Tag `projects`: servers for git projects."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from launcher import urls
from launcher.api import Answer, here, on_behalf, origin, query_parameter
from launcher.api.launch_resource import url_of
from launcher.api.opening import Where, environment_of, open_project
from launcher.api.server_resource import resource
from launcher.hub.users import Identity
from launcher.projects.servers import Placed
from launcher.store.launches import Launch


async def create(body: dict[str, Any], user: Identity) -> Answer:
    """Start a server for a git project, or open the one that runs."""
    parts = here()
    await parts.readiness.require()
    target = await on_behalf.target(user)
    groups = frozenset() if user.is_service else user.groups
    plan = await parts.planning.plan(target.user, body, groups)
    where = Where(plan.server.server.name, body.get("entrypoint", ""), body.get("system", ""))
    environment = await environment_of(target.user, where, in_notebook=False)
    placed = await parts.project_servers.place(
        plan, environment, groups, replace_running=query_parameter("replace") == "true"
    )
    return await open_project(
        user,
        target,
        placed.request,
        environment,
        lambda launch: _opened(placed, launch, groups),
        {"warnings": _warnings(placed.warnings)},
    )


async def create_at_commit(namespace: str, project: str, commit_sha: str, user: Identity) -> Answer:
    """Start a server for a commit, as Renku notebooks do."""
    asked = {"namespace": namespace, "project": project, "commit_sha": commit_sha}
    if branch := query_parameter("branch"):
        asked["branch"] = branch
    return await create(asked, user)


async def _opened(placed: Placed, launch: Launch, groups: Collection[str]) -> Answer:
    """The response for a launch of a project that is done."""
    parts, server = here(), launch.server
    warnings = placed.warnings
    if not placed.is_ready:
        # the first start on a system tells what its spawner can apply
        warnings = await parts.project_servers.warnings(server, groups)
    found = (await parts.project_servers.find_all(server.user))[server.name]
    body = {
        **resource(*found),
        "location": url_of(launch, parts.settings.public_url(origin())),
        "launch": launch.id,
        "warnings": _warnings(warnings),
    }
    place = urls.join(parts.settings.prefix, "servers", server.name)
    return body, 200 if placed.is_ready else 201, {"Location": place}


def _warnings(found: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    return [dict(each) for each in found]


async def resolve(body: dict[str, Any], user: Identity) -> dict[str, Any]:
    """The commit that a branch, tag or short sha of a repository means."""
    parts = here()
    target = await on_behalf.target(user)
    return await parts.planning.resolve(target.user, body["url"], body.get("ref"))


async def server_options(user: Identity) -> dict[str, Any]:
    """The options of servers for projects that the caller may choose from."""
    return here().server_options.offered(user.groups)
