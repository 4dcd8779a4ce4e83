"""The part of a workshop's page that gives notebooks to the class, and what its buttons do."""

import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher import urls
from launcher.errors import BadRequest, LauncherError, WorkshopNotBegun
from launcher.launches.request import NotebookRequest
from launcher.parts import Parts
from launcher.store.launches import Launch
from launcher.store.workshop_launches import WorkshopLaunch
from launcher.store.workshop_notebooks import PublishedNotebook
from launcher.store.workshops import Workshop
from launcher.web import local_times, pages, workshop_launch
from launcher.web.launch import location_of, to_page
from launcher.web.opening import begin
from launcher.web.teaching import viewer_of
from launcher.web.visitors import Visitor, changing, required
from launcher.web.words import for_people
from launcher.workshops.class_launches import state_of
from launcher.workshops.material import Source, opened_as
from launcher.workshops.people import Viewer

# launches of a visitor among which those of the notebooks are looked for
MOST_LAUNCHES = 200
SHOWN_LAUNCHES = 10
MAX_KEY = 64
MINUTES = (0, 5, 10, 15, 30, 60)
MAX_MINUTES = 1440
PUBLISH, REMOVE, OPEN = "publish", "remove", "open"

Show = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class NotebookRow:
    """A notebook of the workshop, and where the visitor has it already."""

    it: PublishedNotebook
    location: str
    """The address of the visitor's copy of this version; '' without one."""
    is_older: bool
    """Whether the visitor has a copy of an earlier version only."""


@dataclass(frozen=True)
class RefusedForm:
    """A form that was refused: it is shown again with the reason."""

    form: str
    """`publish`, `launch` or `prewarm`."""
    detail: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MaterialPart:
    """What the templates show of a workshop's notebooks."""

    address: str
    """Of the workshop's page."""
    is_teacher: bool
    not_begun: str
    """When the notebooks can be opened, as a sentence; '' if they can be now."""
    notebooks: list[NotebookRow]
    launches: list[tuple[WorkshopLaunch, str]]
    """The last launches for all, each with its state; for teachers."""
    patterns: str
    key: str
    """Makes a double click one launch."""
    refused: RefusedForm | None
    now: float
    minutes: tuple[int, ...] = MINUTES

    def refused_form(self, form: str) -> RefusedForm | None:
        """Why that form was refused, if it was."""
        return self.refused if self.refused and self.refused.form == form else None


def routes(path: str, show: Show) -> list[BaseRoute]:
    """The routes of the buttons, and of the reports, below the path of a workshop's page.

    A form that is refused is answered by `show`, on whose page `material` has the reason.
    """

    async def change(request: Request) -> Response:
        return await _change_notebooks(request, show)

    async def launch_for_all(request: Request) -> Response:
        return await _launch_for_all(request, show)

    return [
        Route(f"{path}/notebooks", pages.shown(change), methods=["POST"]),
        Route(f"{path}/launches", pages.shown(launch_for_all), methods=["POST"]),
        # somebody who reloads a page that answered a form
        Route(f"{path}/notebooks", pages.shown(_to_workshop), methods=["GET"]),
        Route(f"{path}/launches", pages.shown(_to_workshop), methods=["GET"]),
        *workshop_launch.routes(path),
    ]


async def material(
    request: Request, visitor: Visitor, viewer: Viewer, workshop: Workshop
) -> MaterialPart:
    """What the templates show of a workshop's notebooks."""
    parts: Parts = request.state.parts
    identity, not_begun = visitor.identity, ""
    found: list[PublishedNotebook] = []
    try:
        found = await parts.material.find_all(viewer, identity, workshop.name)
    except WorkshopNotBegun as error:
        not_begun = error.detail
    launches: list[WorkshopLaunch] = []
    if viewer.sees_all:
        all_launches = await parts.class_launches.find_all(viewer, identity, workshop.name)
        launches = all_launches[:SHOWN_LAUNCHES]
    return MaterialPart(
        address=urls.join(parts.settings.prefix, "home", "workshops", workshop.name),
        is_teacher=viewer.sees_all,
        not_begun=not_begun,
        notebooks=await _rows(parts, visitor, workshop, found),
        launches=[
            (each, workshop_launch.STATES[state_of(each)]) for each in launches[:SHOWN_LAUNCHES]
        ],
        patterns=", ".join(workshop.notebooks),
        key=secrets.token_hex(16),
        now=time.time(),
        refused=getattr(request.state, "refused_form", None),
    )


async def _rows(
    parts: Parts, visitor: Visitor, workshop: Workshop, found: list[PublishedNotebook]
) -> list[NotebookRow]:
    if not found:
        return []
    where = {"user": visitor.identity.name, "experiment": opened_as(workshop.name), "state": "done"}
    done = await parts.launches.page(where, before=None, limit=MOST_LAUNCHES)
    last: dict[str, Launch] = {}
    for launch in done:  # newest first
        if launch.notebook:
            last.setdefault(launch.notebook.filename, launch)
    return [_row(parts, each, last.get(each.filename)) for each in found]


def _row(parts: Parts, notebook: PublishedNotebook, launch: Launch | None) -> NotebookRow:
    is_same = launch is not None and launch.created_at >= notebook.published_at
    location = location_of(parts.settings, launch) if launch and is_same else ""
    return NotebookRow(notebook, location, is_older=launch is not None and not is_same)


async def _change_notebooks(request: Request, show: Show) -> Response:
    """Publish, remove or open a notebook."""
    visitor, form = await changing(request)
    action = _field(form, "action")
    if action == OPEN:
        return await _open(request, visitor, form)
    if action == REMOVE:
        await _remove(request, visitor, form)
        return _to_material(request)
    if action != PUBLISH:
        raise BadRequest("This button is not known. Nothing was changed.")
    try:
        await _publish(request, visitor, form)
    except LauncherError as error:
        sent = {name: _field(form, name) for name in ("path", "filename", "keep_outputs")}
        form_again = RefusedForm(PUBLISH, for_people(error.detail), sent)
        return await _refused(request, show, error, form_again)
    return _to_material(request)


async def _publish(request: Request, visitor: Visitor, form: FormData) -> None:
    parts: Parts = request.state.parts
    path = _field(form, "path").strip().removeprefix("./")
    filename = _field(form, "filename").strip() or path.rpartition("/")[2]
    if not path:
        raise BadRequest("Fill in the path of a notebook in your home.")
    source = Source(
        path=path,
        server=_field(form, "server"),
        keep_outputs=_field(form, "keep_outputs") == "yes",
    )
    viewer = viewer_of(request, visitor)
    await parts.material.publish(viewer, visitor.identity, _workshop(request), filename, source)


async def _remove(request: Request, visitor: Visitor, form: FormData) -> None:
    parts: Parts = request.state.parts
    viewer = viewer_of(request, visitor)
    filename = _field(form, "filename")
    await parts.material.remove(viewer, visitor.identity, _workshop(request), filename)


async def _open(request: Request, visitor: Visitor, form: FormData) -> Response:
    """Begin a launch of a notebook for the visitor."""
    parts: Parts = request.state.parts
    notebook: NotebookRequest = await parts.material.request(
        viewer_of(request, visitor),
        visitor.identity,
        _workshop(request),
        _field(form, "filename"),
    )
    key = _field(form, "key")[:MAX_KEY]
    return to_page(request, await begin(request, visitor, notebook, "", key))


async def _launch_for_all(request: Request, show: Show) -> Response:
    """Launch a notebook for all participants, or start their servers; leads to the report."""
    visitor, form = await changing(request)
    parts: Parts = request.state.parts
    workshop = _workshop(request)
    notebook = _field(form, "notebook") or None
    kind = "launch" if "notebook" in form else "prewarm"
    key = _field(form, "key")[:MAX_KEY]
    sent = {name: _field(form, name) for name in ("notebook", "minutes", "time", "time-offset")}
    try:
        if kind == "launch" and notebook is None:
            raise BadRequest("Choose a notebook.")
        launch = await parts.class_launches.create(
            viewer_of(request, visitor),
            visitor.identity,
            workshop,
            notebook=notebook,
            at=_at(form),
            key=json.dumps(["page", key, *sent.values()]) if key else None,
        )
    except LauncherError as error:
        form_again = RefusedForm(kind, for_people(error.detail), sent)
        return await _refused(request, show, error, form_again)
    return pages.redirect(request, "home", "workshops", workshop, "launches", launch.id)


def _at(form: FormData) -> float | None:
    """When a launch for all is, in seconds since 1970; None: now. Raises BadRequest."""
    text, minutes = _field(form, "time").strip(), _field(form, "minutes")
    if text:
        try:
            return local_times.parse(text, _field(form, "time-offset")).timestamp()
        except ValueError as error:
            raise BadRequest("Fill in a time, such as 2026-11-30T08:00.") from error
    if not minutes or minutes == "0":
        return None
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) < 5):
        raise BadRequest("Choose when it begins.")
    return time.time() + 60 * min(int(minutes), MAX_MINUTES)


async def _refused(
    request: Request, show: Show, error: LauncherError, form: RefusedForm
) -> Response:
    """The workshop's page with a form as it was sent, and why it was refused."""
    if error.status in (401, 403, 404) and not error.errors:
        raise error
    request.state.refused_form = form
    response = await show(request)
    response.status_code = error.status
    return response


async def _to_workshop(request: Request) -> Response:
    await required(request)
    return pages.redirect(request, "home", "workshops", _workshop(request))


def _to_material(request: Request) -> Response:
    return pages.redirect(request, "home", "workshops", _workshop(request), "class")


def _workshop(request: Request) -> str:
    return str(request.path_params["workshop"])


def _field(form: FormData, name: str) -> str:
    return str(form.get(name) or "")
