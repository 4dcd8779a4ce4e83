"""Launches that are repeated: as they were, or as a way out of their problem says."""

from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.errors import LauncherError, NotFound
from launcher.launches.request import NotebookRequest
from launcher.links.passwords import are_possible
from launcher.parts import Parts
from launcher.store.launches import Launch
from launcher.web import launch as launch_page
from launcher.web import opening, pages, project_launch, ways_out
from launcher.web.visitors import Visitor, changing
from launcher.workshops.material import workshop_of

# of the field that makes a double click one launch
MAX_KEY = 64


def routes(prefix: str) -> list[BaseRoute]:
    """The route of the buttons."""
    path = f"{prefix}/home/launches/{{launch_id}}/again"
    return [Route(path, pages.shown(again), methods=["POST"])]


async def again(request: Request) -> Response:
    """Begin a launch with the same parameters; leads to the form if it has to be filled in."""
    visitor, sent = await changing(request)
    launch = await launch_page.find(request, visitor)
    way, key = str(sent.get("way") or ""), str(sent.get("key") or "")[:MAX_KEY]
    wanted = ways_out.find(launch, way).launch if way else launch
    try:
        if way == ways_out.RESTART:
            return await _restart(request, visitor, launch, key)
        return await _repeat(request, visitor, wanted, key)
    except LauncherError as error:
        return await launch_page.page(request, visitor, launch, refused=error)


async def _restart(request: Request, visitor: Visitor, launch: Launch, key: str) -> Response:
    """Stop the server of the launch, and repeat it."""
    parts: Parts = request.state.parts
    if begun := await _begun_meanwhile(parts, launch):
        return launch_page.to_page(request, begun)
    # what cannot be launched stops no server
    await opening.environment(request, visitor, _environment(launch))
    with suppress(NotFound):  # a named server that is gone already
        await parts.servers.stop(launch.server)
    return await _repeat(request, visitor, launch, key)


async def _begun_meanwhile(parts: Parts, launch: Launch) -> Launch | None:
    """The launch that repeats this one already: a double click must not stop its server."""
    newest, *_ = await parts.launches.page({"user": launch.user}, before=None, limit=1)
    is_same = newest.server == launch.server and _environment(newest) == _environment(launch)
    return newest if is_same and newest.id != launch.id and not newest.ended else None


async def _repeat(request: Request, visitor: Visitor, launch: Launch, key: str) -> Response:
    """Begin a launch like this one; raises LauncherError."""
    parts: Parts = request.state.parts
    if launch.project:
        return await _reopen(request, visitor, launch, key)
    notebook = None
    if launch.notebook:
        notebook = _same_notebook(parts, launch)
        if notebook is None:
            return pages.redirect_to(launch_page.change_address(parts.settings.prefix, launch))
    environment = await opening.environment(request, visitor, _environment(launch))
    begun = await opening.begin(request, visitor, notebook, launch.server.name, key, environment)
    return launch_page.to_page(request, begun)


async def _reopen(request: Request, visitor: Visitor, launch: Launch, key: str) -> Response:
    """Open the project again; leads to the form if its server is not kept any more."""
    opens = launch.project.opens if launch.project else None
    begun = await project_launch.resume(request, visitor, launch.server, key, opens)
    if begun is None:
        address = launch_page.change_address(request.state.parts.settings.prefix, launch)
        return pages.redirect_to(address)
    return launch_page.to_page(request, begun)


def _environment(launch: Launch) -> dict[str, str]:
    """The environment that the launch asks for, as the fields of a form."""
    named = launch.environment
    return {"entrypoint": named.entrypoint, "system": named.system} if named else {}


def _same_notebook(parts: Parts, launch: Launch) -> NotebookRequest | None:
    """What a launch asked for; None if that is not stored as a whole, or not valid any more."""
    notebook = launch.notebook
    if notebook and workshop_of(notebook.experiment):
        return None
    experiment = parts.experiments.find(notebook.experiment) if notebook else None
    if not notebook or not experiment or notebook.link_query is None:
        return None
    if are_possible(experiment.schema):
        return None
    pairs = launch_page.link_pairs(launch)
    return opening.from_link(parts.filling, experiment, pairs).notebook
