"""Tag `workshop_notebooks`: notebooks that teachers give to the participants of a workshop."""

from typing import Any

from launcher.api import Answer, here
from launcher.api.launch_resource import rfc3339
from launcher.api.opening import open_rendered
from launcher.api.teaching import viewer_of
from launcher.hub.users import Identity
from launcher.store.workshop_notebooks import PublishedNotebook
from launcher.workshops.material import Source


async def list_all(workshop: str, user: Identity) -> dict[str, Any]:
    """The notebooks of a workshop, by name."""
    found = await here().material.find_all(viewer_of(user), user, workshop)
    return {"notebooks": [_shown(each) for each in found]}


async def publish(
    workshop: str, filename: str, body: dict[str, Any], user: Identity
) -> dict[str, Any]:
    """Give a notebook to the participants, in place of an earlier one with its name."""
    source = Source.parse(body)
    return _shown(await here().material.publish(viewer_of(user), user, workshop, filename, source))


async def remove(workshop: str, filename: str, user: Identity) -> Answer:
    """Remove a notebook from the workshop."""
    await here().material.remove(viewer_of(user), user, workshop, filename)
    return {}, 204


async def launch(workshop: str, filename: str, body: dict[str, Any], user: Identity) -> Answer:
    """Open a notebook of the workshop on the user's own server."""
    request = await here().material.request(
        viewer_of(user), user, workshop, filename, body.get("directory")
    )
    return await open_rendered(request, body.get("server", ""), user)


def _shown(notebook: PublishedNotebook) -> dict[str, Any]:
    return {
        "filename": notebook.filename,
        "content_hash": notebook.content_hash,
        "code_cells": notebook.code_cells,
        "published_by": notebook.published_by,
        "published_at": rfc3339(notebook.published_at),
    }
