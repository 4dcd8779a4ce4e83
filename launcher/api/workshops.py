"""Tag `workshops`: courses, and what their participants have done."""

from typing import Any

from starlette.responses import Response

from launcher import logs
from launcher.api import Answer, exporting, here
from launcher.hub.users import Identity
from launcher.store.workshops import Workshop
from launcher.workshops import dashboards, definition, people
from launcher.workshops.registry import require_teacher


async def list_all(user: Identity) -> dict[str, Any]:
    """The workshops that the caller may see."""
    viewer = _viewer(user)
    found = await here().workshops.of(viewer, user)
    return {"workshops": [_shown(each, viewer) for each in found]}


async def create(body: dict[str, Any], user: Identity) -> Answer:
    """Create a workshop."""
    viewer = _viewer(user)
    require_teacher(viewer)
    made = await here().workshops.create(viewer, _parse(body["name"], body, viewer))
    _audit("workshop_created", made, viewer)
    return _shown(made, viewer), 201


async def get(workshop: str, user: Identity) -> dict[str, Any]:
    """One workshop."""
    viewer = _viewer(user)
    return _shown(await here().workshops.find(viewer, user, workshop), viewer)


async def replace(workshop: str, body: dict[str, Any], user: Identity) -> dict[str, Any]:
    """Change a workshop."""
    viewer = _viewer(user)
    before = await here().workshops.find(viewer, user, workshop)
    require_teacher(viewer)
    made = await here().workshops.replace(viewer, _parse(before.name, body, viewer))
    _audit("workshop_changed", made, viewer)
    return _shown(made, viewer)


async def remove(workshop: str, user: Identity) -> Answer:
    """Delete a workshop."""
    viewer = _viewer(user)
    before = await here().workshops.find(viewer, user, workshop)
    await here().workshops.remove(viewer, before.name)
    _audit("workshop_removed", before, viewer)
    return {}, 204


async def dashboard(workshop: str, user: Identity) -> dict[str, Any]:
    """How far each participant is in each notebook."""
    viewer = _viewer(user)
    found = await here().workshops.find(viewer, user, workshop)
    return dashboards.shown(await here().dashboards.of_workshop(viewer, found))


async def export(workshop: str, user: Identity) -> Response:
    """The notebooks of a day as a zip file."""
    viewer = _viewer(user)
    found = await here().workshops.find(viewer, user, workshop)
    return await exporting.answer(viewer, found)


def _parse(name: str, body: dict[str, Any], viewer: people.Viewer) -> Workshop:
    most = here().settings.workshop_retention_days
    return definition.parse(name, body, created_by=viewer.name, most_retention=most)


def _shown(workshop: Workshop, viewer: people.Viewer) -> dict[str, Any]:
    return definition.shown(workshop, to_teacher=viewer.sees_all)


def _audit(what: str, workshop: Workshop, viewer: people.Viewer) -> None:
    logs.audit(what, by=viewer.name, workshop=workshop.name)


def _viewer(user: Identity) -> people.Viewer:
    return people.viewer(user, here().settings.teacher_groups)
