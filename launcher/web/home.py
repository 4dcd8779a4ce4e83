"""The home page: the catalogue, the visitor's servers and their recent launches."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from launcher import urls
from launcher.errors import BadRequest, LauncherError, NotFound
from launcher.experiments import Experiment
from launcher.hub.servers import Server
from launcher.parts import Parts
from launcher.server_ref import ServerRef
from launcher.store import project_servers
from launcher.store.launches import Launch
from launcher.web import content_security, pages, project_launch, project_list
from launcher.web.launch import (
    Repetition,
    change_address,
    location_of,
    repetition,
    title_of,
    to_page,
)
from launcher.web.launch_progress import state_of
from launcher.web.opening import begin
from launcher.web.visitors import Visitor, changing, required, required_for_image
from launcher.web.words import for_people

RECENT = 10
SHORT = 160
# the catalogue and the launches do not wait longer for a hub that hangs
HUB_SECONDS = 3.0


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the home page, which the launcher's own address leads to."""

    async def to_home(request: Request) -> Response:
        return pages.redirect(request, "home")

    return [
        Route(prefix or "/", to_home),
        *([Route(f"{prefix}/", to_home)] if prefix else []),
        Route(f"{prefix}/home", to_home),
        Route(f"{prefix}/home/", pages.shown(home)),
        Route(f"{prefix}/home/now", pages.shown(now)),
        Route(f"{prefix}/home/pictures/{{experiment}}", pages.shown(picture)),
        Route(f"{prefix}/home/servers/start", pages.shown(start), methods=["POST"]),
        Route(f"{prefix}/home/servers/stop", pages.shown(stop), methods=["POST"]),
    ]


@dataclass(frozen=True)
class Card:
    """An experiment in the catalogue."""

    name: str
    title: str
    summary: str
    text: str
    """What is searched."""
    has_picture: bool
    hidden: bool
    """Whether the search does not find it."""


@dataclass(frozen=True)
class Row:
    """A recent launch."""

    launch: Launch
    title: str
    state: str
    location: str
    repetition: Repetition
    change: str
    """The address of the form; '' if there is none."""


async def home(request: Request) -> Response:
    """The home page."""
    visitor = await required(request)
    parts: Parts = request.state.parts
    search = request.query_params.get("q", "").strip()
    cards = cards_of(parts.experiments.all(), search)
    return pages.page(
        request,
        "home.html",
        visitor=visitor,
        cards=cards,
        found=sum(not card.hidden for card in cards),
        search=search,
        **await _now(request, visitor),
    )


async def now(request: Request) -> Response:
    """What changes on the home page, without the catalogue: its script asks for it often."""
    visitor = await required(request)
    return pages.page(request, "home_now.html", visitor=visitor, **await _now(request, visitor))


async def _now(request: Request, visitor: Visitor) -> dict[str, Any]:
    """The servers and launches, as the template needs them."""
    parts: Parts = request.state.parts
    before = await _before(request, visitor)
    (found_servers, away), found, kept = await asyncio.gather(
        _find_servers(parts, visitor),
        _recent(parts, visitor, before),
        parts.store.read(project_servers.find_all, visitor.identity.name),
    )
    launches = [_row(parts, launch) for launch in found[:RECENT]]
    projects = {each.server.name: project_list.title_of(each) for each in kept}
    servers = _sorted(found_servers, projects)
    return {
        "servers": servers,
        "projects": projects,
        "away": away,
        "urls_of": {server.name: _url(parts, visitor, server) for server in servers},
        "launches": launches,
        "before": before,
        "older": launches[-1].launch.id if len(found) > RECENT else "",
        "busy": any(not row.launch.ended for row in launches)
        or any(server.state in ("starting", "stopping") for server in servers),
    }


def cards_of(experiments: Sequence[Experiment], search: str) -> list[Card]:
    """The catalogue; what the search does not find is hidden."""
    words = search.lower().split()
    return [
        Card(
            name=each.name,
            title=each.title,
            summary=_short(each.description),
            text=text,
            has_picture=each.picture is not None,
            hidden=not all(word in text for word in words),
        )
        for each in experiments
        for text in [_searched(each)]
    ]


def _searched(experiment: Experiment) -> str:
    return f"{experiment.name} {experiment.title} {experiment.description}".lower()


def _short(text: str) -> str:
    """The beginning of a description."""
    first = " ".join(text.split("\n\n")[0].split())
    if len(first) <= SHORT:
        return first
    return f"{first[:SHORT].rsplit(' ', 1)[0]} …"


async def _find_servers(parts: Parts, visitor: Visitor) -> tuple[list[Server], str]:
    """The visitor's servers, and why they are not known, or ''."""
    try:
        async with asyncio.timeout(HUB_SECONDS):
            found = await parts.servers.find_all(visitor.identity.name)
    except LauncherError as error:
        return [], for_people(error.detail)
    except TimeoutError:
        return [], parts.hub.unavailable(
            f"it did not answer within {HUB_SECONDS:.0f} seconds"
        ).detail
    return list(found.values()), ""


def _sorted(servers: Sequence[Server], projects: Mapping[str, str]) -> list[Server]:
    """The default server first, then by title, as on the page Projects."""
    return sorted(servers, key=lambda it: (it.name != "", projects.get(it.name, it.name), it.name))


async def _before(request: Request, visitor: Visitor) -> Launch | None:
    """The visitor's launch that the query names: older ones are listed; None for the newest."""
    parts: Parts = request.state.parts
    launch = await parts.launches.find(request.query_params.get("before", ""))
    return launch if launch and launch.user == visitor.identity.name else None


async def _recent(parts: Parts, visitor: Visitor, before: Launch | None) -> list[Launch]:
    """The launches on this page of the list, and one more if there is another page."""
    return await parts.launches.page(
        {"user": visitor.identity.name},
        before=(before.created_at, before.id) if before else None,
        limit=RECENT + 1,
    )


def _row(parts: Parts, launch: Launch) -> Row:
    settings = parts.settings
    repeated = repetition(parts, launch)
    return Row(
        launch=launch,
        title=title_of(parts, launch),
        state=state_of(launch),
        location=location_of(settings, launch),
        repetition=repeated,
        change=change_address(settings.prefix, launch) if repeated.is_offered else "",
    )


def _url(parts: Parts, visitor: Visitor, server: Server) -> str:
    """The address of a server in the browser; '' if its name can be no part of an address."""
    try:
        urls.parse_server_name(server.name, "/server")
    except BadRequest:
        return ""  # JupyterHub 5 accepts such names
    ref = ServerRef(visitor.identity.name, server.name)
    return urls.join(parts.settings.public_url(), *ref.url_segments) + "/"


async def start(request: Request) -> Response:
    """Start one of the visitor's servers."""
    visitor, form = await changing(request)
    name = urls.parse_new_server_name(str(form.get("server", "")), "/server")
    server = ServerRef(visitor.identity.name, name)
    if launch := await project_launch.resume(request, visitor, server, key=""):
        return to_page(request, launch)
    return to_page(request, await begin(request, visitor, None, name, key=""))


async def stop(request: Request) -> Response:
    """Stop one of the visitor's servers."""
    visitor, form = await changing(request)
    name = urls.parse_server_name(str(form.get("server", "")), "/server")
    await request.state.parts.servers.stop(ServerRef(visitor.identity.name, name))
    return pages.redirect(request, "home")


async def picture(request: Request) -> Response:
    """The picture in an experiment's folder."""
    await required_for_image(request)
    experiment: Experiment = request.state.parts.experiments.find(request.path_params["experiment"])
    if experiment.picture is None or not experiment.picture.is_file():
        raise NotFound("This experiment has no picture.")
    # an SVG that somebody opens by itself must not run as a page of the launcher
    policy = {"Content-Security-Policy": f"{content_security.NO_PAGE}; sandbox"}
    headers = {**policy, "Cache-Control": "private, max-age=600"}
    return FileResponse(experiment.picture, headers=headers)
