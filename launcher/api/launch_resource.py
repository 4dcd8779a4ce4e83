"""The representation of a launch: its JSON, its path, and the URL of what it opened."""

from datetime import UTC, datetime
from typing import Any

from launcher.api import here, origin
from launcher.launches.location import location
from launcher.store.launches import Launch


def url_of(launch: Launch, public_url: str) -> str:
    """The URL of what the launch opened, below the hub's public URL."""
    return location(launch, public_url, here().settings.home_path)


def path_of(launch: Launch) -> str:
    """The path of the launch as a resource, on the launcher's own host."""
    return f"{here().settings.prefix}/launches/{launch.id}"


async def resource(launch: Launch, page_origin: str | None = None) -> dict[str, Any]:
    """The launch as openapi.yaml describes it; `page_origin` replaces the request's Origin."""
    parts, notebook = here(), launch.notebook
    place = await parts.feed.position(launch.server) if launch.state == "queued" else None
    public_url = parts.settings.public_url(page_origin or origin())
    named, project = launch.environment, launch.project
    return {
        "id": launch.id,
        "state": launch.state,
        "experiment": notebook and notebook.experiment,
        "user": launch.user,
        "server": launch.server.name,
        "server_user": launch.server.user,
        "environment": named
        and {
            "system": named.system,
            "entrypoint": named.entrypoint,
            "name": named.entrypoint_name,
        },
        "project": project
        and {
            "repository": project.repository,
            "commit_sha": project.commit_sha,
            "branch": project.branch,
            "folder": project.folder,
            "notebook": project.opens,
        },
        "requested_by": _service(launch.requested_by),
        "position": place,
        "path": notebook and notebook.path,
        "location": url_of(launch, public_url) if launch.state == "done" else None,
        "problem": launch.problem,
        "created_at": rfc3339(launch.created_at),
        "updated_at": rfc3339(launch.updated_at),
    }


def _service(name: str | None) -> dict[str, str] | None:
    """The service that requested the launch on behalf of the user, if any."""
    return {"kind": "service", "name": name} if name is not None else None


def rfc3339(seconds: float) -> str:
    """Format a time in seconds since 1970 as RFC 3339, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
