"""Tag `notebooks`: the notebooks that participants saved."""

from typing import Any

from starlette.responses import Response, StreamingResponse

from launcher import logs
from launcher.api import exporting, here, query_parameter
from launcher.api.teaching import viewer_of
from launcher.hub.users import Identity
from launcher.store.saved_notebooks import Save
from launcher.workshops import dashboards, model

NOTEBOOK = "application/x-ipynb+json"


async def list_all(user: Identity) -> dict[str, Any]:
    """All notebooks that the caller may see."""
    return dashboards.shown(await here().dashboards.of_all(viewer_of(user)))


async def export(user: Identity) -> Response:
    """All notebooks of a day as a zip file."""
    return await exporting.answer(viewer_of(user), None)


async def get(notebook_id: int, user: Identity) -> dict[str, Any]:
    """One notebook, and its saves."""
    found = await here().notebooks.find(viewer_of(user), notebook_id)
    it = found.notebook
    saves = [_save(each) for each in found.saves]
    return {"id": it.id, "user": it.user, "path": it.path, "filename": it.filename, "saves": saves}


async def file(notebook_id: int, user: Identity) -> Response:
    """The file of a save, the last one by default."""
    viewer = viewer_of(user)
    found = await here().notebooks.find(viewer, notebook_id)
    save = int(query_parameter("save") or 0) or None
    download = await here().notebooks.download(viewer, found, save)
    if found.notebook.user != viewer.name:
        who = {"by": viewer.name, "user": found.notebook.user}
        logs.audit("notebook_seen", **who, notebook=notebook_id)
    headers = {
        "Content-Disposition": f'attachment; filename="notebook-{notebook_id}.ipynb"',
        "Content-Length": str(download.size),
    }
    return StreamingResponse(download.content, media_type=NOTEBOOK, headers=headers)


def _save(save: Save) -> dict[str, Any]:
    return {
        "id": save.id,
        "saved": model.iso(save.at),
        "size": save.size,
        "has_content": save.has_content,
    }
