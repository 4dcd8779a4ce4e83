"""A launch's page: its progress, how it ended, and what can be done next."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher import urls
from launcher.config import Launcher
from launcher.errors import (
    TYPE_PREFIX,
    Ended,
    FileExists,
    LauncherError,
    NotFound,
    StoreUnavailable,
)
from launcher.launches.location import location
from launcher.links.passwords import are_possible
from launcher.links.query import form_address
from launcher.parts import Parts
from launcher.store import launch_events
from launcher.store.launches import Launch
from launcher.web import launch_progress, pages, project_launched, project_list
from launcher.web.advice import advice
from launcher.web.project_launched import launched_project
from launcher.web.visitors import Visitor, changing, required
from launcher.web.ways_out import NOT_CHECKED_OUT, ways_out
from launcher.web.words import for_people
from launcher.workshops.material import workshop_of

# what launching again does to a file that exists
_IF_EXISTS = {
    "rename": "Launch again writes another notebook; no file is replaced.",
    "fail": "Launch again fails if the file exists, as it was chosen.",
    "replace": "Launch again replaces the file if it exists, as it was chosen.",
}


_FROM_WORKSHOP = "The page of the workshop opens the notebook again, in its last version."
_PROJECT_AGAIN = (
    "Launch again starts the server if it does not run. The workspace stays: what you changed there"
    " is kept."
)


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of a launch's page."""
    path = f"{prefix}/home/launches/{{launch_id}}"
    return [
        Route(path, pages.shown(show), methods=["GET"]),
        Route(f"{path}/cancel", pages.shown(cancel), methods=["POST"]),
    ]


def to_page(request: Request, launch: Launch) -> Response:
    """Redirect to the page of a launch that has just begun: it opens what it leads to."""
    return pages.redirect(request, "home", "launches", launch.id, query={"new": "1"})


async def show(request: Request) -> Response:
    """The page of one of the visitor's launches."""
    visitor = await required(request)
    return await page(request, visitor, await find(request, visitor))


async def page(
    request: Request, visitor: Visitor, launch: Launch, refused: LauncherError | None = None
) -> Response:
    """The page; `refused` is why it was not launched again."""
    parts: Parts = request.state.parts
    events = await parts.store.read(launch_events.since, launch.id, 0)
    repeated = repetition(parts, launch)
    return pages.page(
        request,
        "launch.html",
        visitor=visitor,
        status=refused.status if refused else 200,
        launch=launch,
        title=title_of(parts, launch),
        state=launch_progress.state_of(launch),
        project=launched_project(parts, launch),
        steps=launch_progress.steps(launch, events),
        messages=launch_progress.messages(events),
        percent=launch_progress.percent(launch, events),
        place=await _place(parts, launch),
        reason=for_people(str(launch.problem["detail"])) if launch.problem else "",
        advice=advice(launch.problem, repeated.change) if launch.problem else "",
        existing=existing_file(parts.settings, launch),
        not_before=_not_before(launch),
        refused=for_people(refused.detail) if refused else "",
        location=location_of(parts.settings, launch),
        environment=environment_of(parts, launch),
        repetition=repeated,
        ways_out=ways_out(launch),
        change=change_address(parts.settings.prefix, launch),
        is_new="new" in request.query_params,
        key=secrets.token_hex(16),
    )


async def find(request: Request, visitor: Visitor) -> Launch:
    """The visitor's launch in the address; raises NotFound."""
    parts: Parts = request.state.parts
    launch = await parts.launches.find(request.path_params["launch_id"])
    if launch is None or launch.user != visitor.identity.name:
        raise NotFound("There is no such launch. Old ones are deleted after some time.")
    return launch


async def cancel(request: Request) -> Response:
    """Cancel a launch; one that has ended meanwhile stays as it is."""
    visitor, _ = await changing(request)
    launch = await find(request, visitor)
    with suppress(Ended):  # its page says how it ended
        await request.state.parts.launches.cancel(launch)
    return pages.redirect(request, "home", "launches", launch.id)


@dataclass(frozen=True)
class Repetition:
    """Whether a launch can be repeated."""

    hint: str
    """A sentence about it."""
    is_possible: bool = True
    """Whether it can be launched again without filling in the form."""
    is_offered: bool = True
    """Whether the catalogue still has its experiment."""
    change: str = "Change parameters"
    """The words of the button that leads to the form."""


def repetition(parts: Parts, launch: Launch) -> Repetition:
    """Whether and how the launch can be repeated."""
    notebook = launch.notebook
    if launch.project:
        change = "Change the project"
        if (launch.problem or {}).get("type") in NOT_CHECKED_OUT:
            # the advice says it
            return Repetition("", is_possible=False, change=change)
        return Repetition(_PROJECT_AGAIN, change=change)
    if notebook is None:
        return Repetition("Launch again starts the server if it does not run.")
    if workshop_of(notebook.experiment):
        return Repetition(_FROM_WORKSHOP, is_possible=False, change="Open the workshop")
    try:
        schema = parts.experiments.find(notebook.experiment).schema
    except NotFound:
        hint = "This experiment is not in the catalogue any more."
        return Repetition(hint, is_possible=False, is_offered=False)
    change = "Change parameters" if _has_parameters(schema) else "Change settings"
    if notebook.link_query is None:
        hint = "The parameters are too long to be stored, so they cannot be launched again."
        return Repetition(hint, is_possible=False)
    if are_possible(schema):
        hint = "Passwords are not stored: to launch again, change the parameters, and fill them in."
        return Repetition(hint, is_possible=False)
    return Repetition(_IF_EXISTS[notebook.if_exists], change=change)


def _has_parameters(schema: Mapping[str, Any]) -> bool:
    """Whether the form has more than the place of the notebook."""
    more = schema.get("additionalProperties", True) is not False
    return more or bool(schema.get("properties") or schema.get("allOf"))


def change_address(prefix: str, launch: Launch) -> str:
    """The address of the form, filled in as it was for the launch; '' if it opens nothing.

    That of the workshop's page if a notebook of a workshop was launched.
    """
    if launch.notebook is None:
        return project_launched.form_address(prefix, launch)
    if workshop := workshop_of(launch.notebook.experiment):
        return urls.join(prefix, "home", "workshops", workshop)
    query = urlencode(link_pairs(launch), safe="/:")
    return form_address(prefix, launch.notebook.experiment, query)


def link_pairs(launch: Launch) -> list[tuple[str, str]]:
    """The query of the link to the form, with the server and the environment of the launch."""
    query = (launch.notebook and launch.notebook.link_query) or ""
    pairs = parse_qsl(query, keep_blank_values=True)
    named, environment = dict(pairs), launch.environment
    where = {"server": launch.server.name}
    if environment:
        # its name, if the link has it, means the same to others
        where |= {
            "entrypoint": named.get("entrypoint", environment.entrypoint),
            "system": environment.system,
        }
    rest = [pair for pair in pairs if pair[0] not in ("server", "entrypoint", "system")]
    return rest + [(name, value) for name, value in where.items() if value]


def environment_of(parts: Parts, launch: Launch) -> str:
    """The environment that a launch asks for, for people; '' if it asks for none."""
    if launch.environment is None:
        return ""
    system = parts.registry.systems.get(launch.environment.system)
    name = system.display_name if system else launch.environment.system
    return f"{launch.environment.entrypoint_name} on {name}"


def title_of(parts: Parts, launch: Launch) -> str:
    """The title of what is launched."""
    if launch.project:
        return project_list.title_of(launch.project)
    if launch.notebook is None:
        return f"Server {launch.server.name}" if launch.server.name else "Your server"
    if workshop := workshop_of(launch.notebook.experiment):
        return f"{launch.notebook.filename} of {workshop}"
    try:
        return str(parts.experiments.find(launch.notebook.experiment).title)
    except NotFound:
        return launch.notebook.experiment


def location_of(settings: Launcher, launch: Launch) -> str:
    """Where a launch that is done leads to, else ''."""
    if launch.state != "done":
        return ""
    return location(launch, settings.public_url(), settings.home_path)


def existing_file(settings: Launcher, launch: Launch) -> str:
    """The address of the file that a launch did not replace, else ''."""
    notebook, problem = launch.notebook, launch.problem or {}
    if notebook is None or problem.get("type") != TYPE_PREFIX + FileExists.slug:
        return ""
    path = f"{notebook.directory}/{notebook.filename}"
    opened = replace(launch, notebook=replace(notebook, path=path))
    return location(opened, settings.public_url(), settings.home_path)


def _not_before(launch: Launch) -> float | None:
    """When a launch that failed may be tried again, if the reason says it."""
    seconds = (launch.problem or {}).get("retry_after")
    return launch.updated_at + seconds if isinstance(seconds, int | float) else None


async def _place(parts: Parts, launch: Launch) -> int | None:
    """The position in the queue; None if it does not wait there."""
    if launch.state != "queued":
        return None
    try:
        return await parts.feed.position(launch.server)
    except StoreUnavailable:
        return None
