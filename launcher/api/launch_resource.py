"""The representation of a launch: its JSON, its path, and the URL of what it opened."""

from datetime import UTC, datetime
from typing import Any

from launcher import urls
from launcher.api import here, origin
from launcher.store.launches import Launch

# more than a user has open tabs; each workspace leaves a file in ~/.jupyter
WORKSPACES = 100


def path_of(launch: Launch) -> str:
    """The path of the launch as a resource, on the launcher's own host."""
    return f"{here().settings.prefix}/launches/{launch.id}"


async def resource(launch: Launch, page_origin: str | None = None) -> dict[str, Any]:
    """The launch as openapi.yaml describes it; `page_origin` replaces the request's Origin."""
    parts, notebook = here(), launch.notebook
    place = await parts.feed.position(launch.server) if launch.state == "queued" else None
    public_url = parts.settings.public_url(page_origin or origin())
    return {
        "id": launch.id,
        "state": launch.state,
        "experiment": notebook and notebook.experiment,
        "user": launch.user,
        "server": launch.server.name,
        "server_user": launch.server.user,
        "requested_by": _service(launch.requested_by),
        "position": place,
        "path": notebook and notebook.path,
        "location": location(launch, public_url) if launch.state == "done" else None,
        "problem": launch.problem,
        "created_at": rfc3339(launch.created_at),
        "updated_at": rfc3339(launch.updated_at),
    }


def _service(name: str | None) -> dict[str, str] | None:
    """The service that requested the launch on behalf of the user, if any."""
    return {"kind": "service", "name": name} if name is not None else None


def location(launch: Launch, public_url: str) -> str:
    """The URL that opens the launch's notebook in JupyterLab; without a notebook, the server's URL.

    A workspace that the caller named keeps its layout. The default workspaces are reset, and there
    are several: old versions of JupyterLab ask for a new name if another tab has the same one.
    """
    server, notebook = launch.server, launch.notebook
    if notebook is None:
        return urls.join(public_url, *server.url_segments) + "/"
    home = urls.below_root(here().settings.home_path, server.user)
    path = (*home, *(notebook.path or "").split("/"))
    query = None if notebook.workspace else {"reset": "1"}
    workspace = notebook.workspace or f"launcher-{int(launch.id[:8], 16) % WORKSPACES}"
    lab = (*server.url_segments, "lab", "workspaces", workspace, "tree")
    return urls.join(public_url, *lab, *path, query=query)


def rfc3339(seconds: float) -> str:
    """Format a time in seconds since 1970 as RFC 3339, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
