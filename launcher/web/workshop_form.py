"""The forms that add, edit and remove a workshop."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.errors import BadRequest, LauncherError
from launcher.parts import Parts
from launcher.store.workshops import Workshop
from launcher.web import pages
from launcher.web.teaching import viewer_of
from launcher.web.visitors import Visitor, changing, required
from launcher.web.workshop_draft import WorkshopDraft
from launcher.workshops import definition
from launcher.workshops.registry import require_teacher


def routes(path: str) -> list[BaseRoute]:
    """The routes of the forms, below the path of the page Workshops."""
    return [
        Route(f"{path}/new", pages.shown(show_new), methods=["GET"]),
        Route(f"{path}/new", pages.shown(create), methods=["POST"]),
        Route(f"{path}/{{workshop}}/edit", pages.shown(show_edit), methods=["GET"]),
        Route(f"{path}/{{workshop}}/edit", pages.shown(edit), methods=["POST"]),
        Route(f"{path}/{{workshop}}/remove", pages.shown(show_remove), methods=["GET"]),
        Route(f"{path}/{{workshop}}/remove", pages.shown(remove), methods=["POST"]),
    ]


async def show_new(request: Request) -> Response:
    """The form of a new workshop."""
    visitor = await required(request)
    require_teacher(viewer_of(request, visitor))
    return _page(request, visitor, None, WorkshopDraft({}))


async def create(request: Request) -> Response:
    """Create the workshop that was filled in."""
    visitor, form = await changing(request)
    require_teacher(viewer_of(request, visitor))
    return await _save(request, visitor, None, WorkshopDraft(dict(form)))


async def show_edit(request: Request) -> Response:
    """The form of a workshop."""
    visitor = await required(request)
    before = await _own(request, visitor)
    return _page(request, visitor, before, WorkshopDraft.of(before))


async def edit(request: Request) -> Response:
    """Change the workshop as it was filled in."""
    visitor, form = await changing(request)
    before = await _own(request, visitor)
    return await _save(request, visitor, before, WorkshopDraft(dict(form)))


async def show_remove(request: Request) -> Response:
    """Ask whether to delete a workshop."""
    visitor = await required(request)
    it = await _own(request, visitor)
    return pages.page(request, "workshop_remove.html", visitor=visitor, workshop=it)


async def remove(request: Request) -> Response:
    """Delete a workshop."""
    visitor, _ = await changing(request)
    it = await _own(request, visitor)
    parts: Parts = request.state.parts
    await parts.workshops.remove(viewer_of(request, visitor), it.name)
    return pages.redirect(request, "home", "workshops")


async def _save(
    request: Request, visitor: Visitor, before: Workshop | None, draft: WorkshopDraft
) -> Response:
    """Store what was filled in; the form with what is wrong if that is not possible."""
    parts: Parts = request.state.parts
    viewer = viewer_of(request, visitor)
    name = before.name if before else draft.text("name")
    most = parts.settings.workshop_retention_days
    try:
        made = definition.parse(
            name,
            draft.body(),
            created_by=before.created_by if before else viewer.name,
            most_retention=most,
        )
        if before:
            await parts.workshops.replace(viewer, made)
        else:
            await parts.workshops.create(viewer, made)
    except LauncherError as error:
        draft.explain(error)
        status = 400 if isinstance(error, BadRequest) else error.status
        return _page(request, visitor, before, draft, status)
    return pages.redirect(request, "home", "workshops", name)


def _page(
    request: Request,
    visitor: Visitor,
    before: Workshop | None,
    draft: WorkshopDraft,
    status: int = 200,
) -> Response:
    return pages.page(
        request,
        "workshop_form.html",
        visitor=visitor,
        status=status,
        before=before,
        draft=draft,
        most_days=pages.settings_of(request).workshop_retention_days,
    )


async def _own(request: Request, visitor: Visitor) -> Workshop:
    """The workshop in the address, for a teacher; raises NotFound, Forbidden."""
    parts: Parts = request.state.parts
    viewer = viewer_of(request, visitor)
    found = await parts.workshops.find(viewer, visitor.identity, request.path_params["workshop"])
    require_teacher(viewer)
    return found
