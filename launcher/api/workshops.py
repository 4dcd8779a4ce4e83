"""Tag `workshops`: courses, and what their participants have done."""

from typing import Any

from starlette.responses import Response

from launcher.api import Answer, exporting, here
from launcher.api.teaching import viewer_of
from launcher.hub.users import Identity
from launcher.store.workshops import Workshop
from launcher.workshops import dashboards, definition
from launcher.workshops.people import Viewer
from launcher.workshops.registry import require_teacher


async def list_all(user: Identity) -> dict[str, Any]:
    """The workshops that the caller may see."""
    viewer = viewer_of(user)
    found = await here().workshops.of(viewer, user)
    return {"workshops": [_shown(each, viewer) for each in found]}


async def create(body: dict[str, Any], user: Identity) -> Answer:
    """Create a workshop."""
    viewer = viewer_of(user)
    require_teacher(viewer)
    made = await here().workshops.create(viewer, _parse(body["name"], body, viewer.name))
    return _shown(made, viewer), 201


async def get(workshop: str, user: Identity) -> dict[str, Any]:
    """One workshop."""
    viewer = viewer_of(user)
    return _shown(await here().workshops.find(viewer, user, workshop), viewer)


async def replace(workshop: str, body: dict[str, Any], user: Identity) -> dict[str, Any]:
    """Change a workshop."""
    viewer = viewer_of(user)
    before = await here().workshops.find(viewer, user, workshop)
    require_teacher(viewer)
    changed = _parse(before.name, body, before.created_by)
    made = await here().workshops.replace(viewer, changed)
    return _shown(made, viewer)


async def remove(workshop: str, user: Identity) -> Answer:
    """Delete a workshop."""
    viewer = viewer_of(user)
    before = await here().workshops.find(viewer, user, workshop)
    await here().workshops.remove(viewer, before.name)
    return {}, 204


async def dashboard(workshop: str, user: Identity) -> dict[str, Any]:
    """How far each participant is in each notebook."""
    viewer = viewer_of(user)
    found = await here().workshops.find(viewer, user, workshop)
    return dashboards.shown(await here().dashboards.of_workshop(viewer, found))


async def export(workshop: str, user: Identity) -> Response:
    """The notebooks of a day as a zip file."""
    viewer = viewer_of(user)
    found = await here().workshops.find(viewer, user, workshop)
    return await exporting.answer(viewer, found)


def _parse(name: str, body: dict[str, Any], created_by: str) -> Workshop:
    most = here().settings.workshop_retention_days
    return definition.parse(name, body, created_by=created_by, most_retention=most)


def _shown(workshop: Workshop, viewer: Viewer) -> dict[str, Any]:
    return definition.shown(workshop, to_teacher=viewer.sees_all)
