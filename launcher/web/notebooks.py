"""The notebooks that participants saved, for their teacher and for themselves."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher import logs
from launcher.errors import LauncherError, NotFound
from launcher.parts import Parts
from launcher.store.workshops import Workshop
from launcher.web import notebook_views, pages, static_files
from launcher.web.preview import framed, message
from launcher.web.teaching import viewer_of
from launcher.web.visitors import Visitor, changing, required
from launcher.web.visitors import visitor as known
from launcher.web.words import for_people
from launcher.workshops.notebooks import NotebookSaves

ENDED = "Your session has ended. Open the page again."


class EventId(Convertor[int]):
    """The id of an event in a path; int() refuses numbers of thousands of digits."""

    regex = "[0-9]{1,10}"

    def convert(self, value: str) -> int:
        """The number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """The digits."""
        return str(value)


register_url_convertor("event_id", EventId())


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the page of all notebooks, and of each notebook."""
    path = f"{prefix}/home/notebooks"
    return [
        Route(path, pages.shown(show)),
        Route(f"{path}/now", pages.shown(now)),
        Route(f"{path}/{{notebook:event_id}}", pages.shown(show_one), methods=["GET"]),
        Route(f"{path}/{{notebook:event_id}}", pages.shown(forget), methods=["POST"]),
        Route(f"{path}/{{notebook:event_id}}/document", document),
    ]


async def show(request: Request) -> Response:
    """The notebooks that the visitor may see, each with its participants."""
    return await _list(request, "notebooks.html")


async def now(request: Request) -> Response:
    """What changes on the page."""
    return await _list(request, "dashboard_now.html")


async def show_one(request: Request) -> Response:
    """The notebook of one participant, and its earlier saves."""
    visitor = await required(request)
    found = await _find(request, visitor)
    workshop = await _workshop(request, visitor)
    view, save = notebook_views.chosen(request), _save(request)

    def address(save: int | None, *, summary: bool = view.is_summary) -> str:
        """The query of this page with another save or view."""
        query = {"save": save, "workshop": workshop and workshop.name}
        shown = notebook_views.summary(request).query if summary else ""
        return _query({name: value for name, value in query.items() if value}, shown)

    return pages.page(
        request,
        "notebook.html",
        visitor=visitor,
        frame=True,
        it=found.notebook,
        saves=found.saves,
        chosen=save,
        view=view,
        workshop=workshop,
        address=address,
        frame_address=_query({"save": save} if save else {}, view.query),
        is_own=found.notebook.user == visitor.identity.name,
        retention_days=pages.settings_of(request).workshop_retention_days,
    )


async def forget(request: Request) -> Response:
    """Delete all that is kept of one of the visitor's own notebooks."""
    visitor, _ = await changing(request)
    found = await _find(request, visitor)
    if found.notebook.user != visitor.identity.name:
        raise NotFound("You have no such notebook.")
    parts: Parts = request.state.parts
    await parts.events.withdraw(found.notebook.user, found.notebook.path)
    workshop = await _workshop(request, visitor)
    if workshop:
        return pages.redirect(request, "home", "workshops", workshop.name)
    return pages.redirect(request, "home", "notebooks")


async def document(request: Request) -> Response:
    """A save as a document for the frame; errors are a page of the frame, too."""
    stylesheet = static_files.url(pages.settings_of(request).prefix, "notebook.css")
    try:
        visitor = await known(request)
        if visitor is None:
            raise NotFound(ENDED)
        parts: Parts = request.state.parts
        found = await _find(request, visitor)
        if found.notebook.user != visitor.identity.name:
            who = {"by": visitor.identity.name, "user": found.notebook.user}
            logs.audit("notebook_seen", **who, notebook=found.notebook.id)
        view = notebook_views.chosen(request).view
        return framed(await parts.notebooks.document(found, _save(request), stylesheet, view))
    except LauncherError as error:
        return framed(message(for_people(error.detail), stylesheet), error.status)


async def _list(request: Request, template: str) -> Response:
    visitor = await required(request)
    parts: Parts = request.state.parts
    viewer = viewer_of(request, visitor)
    return pages.page(
        request,
        template,
        visitor=visitor,
        workshop=None,
        problem="",
        export_problem=getattr(request.state, "export_problem", ""),
        board=await parts.dashboards.of_all(viewer),
        sees_all=viewer.sees_all,
        retention_days=parts.settings.workshop_retention_days,
    )


async def _find(request: Request, visitor: Visitor) -> NotebookSaves:
    parts: Parts = request.state.parts
    number = request.path_params["notebook"]
    if number >= 2**31:
        raise NotFound("There is no such notebook.")
    return await parts.notebooks.find(viewer_of(request, visitor), number)


async def _workshop(request: Request, visitor: Visitor) -> Workshop | None:
    """The workshop whose page led here, if there is one."""
    name = request.query_params.get("workshop", "")
    parts: Parts = request.state.parts
    with suppress(NotFound):
        return await parts.workshops.find(viewer_of(request, visitor), visitor.identity, name)
    return None


def _query(fields: Mapping[str, Any], more: str = "") -> str:
    """The query with these fields, '' if there are none."""
    query = "&".join(filter(None, [urlencode(fields), more]))
    return f"?{query}" if query else ""


def _save(request: Request) -> int | None:
    """The save that the query asks for; None: the last one."""
    text = request.query_params.get("save", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
