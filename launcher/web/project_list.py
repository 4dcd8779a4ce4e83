"""The visitor's servers for projects, as the page Projects lists them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import sqlalchemy as sa

from launcher import urls
from launcher.config import Launcher
from launcher.errors import BadRequest, LauncherError
from launcher.hub.servers import Server
from launcher.parts import Parts
from launcher.projects.model import Repository
from launcher.projects.repositories import parse_url
from launcher.store import launches, project_servers
from launcher.store.launches import Launch, OpenedProject
from launcher.store.project_servers import DONE, FAILED, PREPARING, ProjectServer
from launcher.web import pages
from launcher.web.words import for_people

# the form does not wait longer for a hub that hangs
HUB_SECONDS = 3.0
_STATES = {
    "running": "running",
    "starting": "starting",
    "stopping": "stopping",
    "stopped": "stopped",
    "": "not known",
}


@dataclass(frozen=True)
class ProjectItem:
    """A server for a project."""

    kept: ProjectServer
    name: str
    """The server's."""
    title: str
    """The project, and the commit or the branch: see `title_of`."""
    state: str
    """The server's, as the hub says; '' if it is not known."""
    words: str
    note: str
    """What has to be known about the checkout."""
    failure: str
    """Why the last launch failed, if the server was not started since; else ''."""
    launch: str
    """The address of the last launch; '' if it is not stored any more."""
    started: str | None
    location: str
    """Where it is opened."""
    project_url: str
    """The page of the repository; '' if its host is not one of the site's any more."""
    commit_url: str

    @property
    def short_sha(self) -> str:
        """The beginning of the commit, '' if the branch is followed."""
        return (self.kept.commit_sha or "")[:8]

    @property
    def is_busy(self) -> bool:
        """Whether something changes soon."""
        is_prepared = self.state == "running" and self.kept.checkout == PREPARING
        return self.state in ("starting", "stopping") or is_prepared

    @property
    def has_failed(self) -> bool:
        """Whether the server runs, and its project was not checked out."""
        return self.state == "running" and self.kept.checkout == FAILED


@dataclass(frozen=True)
class ProjectList:
    """The servers, the newest first, and why their states are not known, or ''."""

    items: list[ProjectItem]
    away: str = ""

    @property
    def by_title(self) -> list[ProjectItem]:
        """The servers in the order of the lists."""
        return sorted(self.items, key=lambda item: (item.title, item.name))

    @property
    def is_busy(self) -> bool:
        """Whether something changes soon."""
        return any(item.is_busy for item in self.items)


async def find(parts: Parts, user: str) -> ProjectList:
    """The user's servers for projects, the newest first."""
    kept = await parts.store.read(project_servers.find_all, user)
    if not kept:
        return ProjectList([])
    last = await parts.store.read(_last_launches, kept)
    states, away = await _states(parts, user)
    items = [
        _item(parts, each, states.get(each.server.name), last.get(each.server.name))
        for each in kept
    ]
    return ProjectList(items, away)


async def find_item(parts: Parts, kept: ProjectServer) -> ProjectItem:
    """One of the user's servers, as the list shows it."""
    last = await parts.store.read(_last_launches, [kept])
    states, _ = await _states(parts, kept.server.user)
    name = kept.server.name
    return _item(parts, kept, states.get(name), last.get(name))


def _last_launches(connection: sa.Connection, kept: Sequence[ProjectServer]) -> dict[str, Launch]:
    """The last launch of each server, by the server's name."""
    return {
        each.server.name: launch
        for each in kept
        for launch in launches.page(
            connection,
            {"user": each.server.user, "server": each.server.name},
            before=None,
            limit=1,
        )
    }


async def _states(parts: Parts, user: str) -> tuple[dict[str, Server], str]:
    try:
        async with asyncio.timeout(HUB_SECONDS):
            found = await parts.project_servers.find_all(user)
    except LauncherError as error:
        return {}, for_people(error.detail)
    except TimeoutError:
        reason = f"it did not answer within {HUB_SECONDS:.0f} seconds"
        return {}, parts.hub.unavailable(reason).detail
    return {name: server for name, (server, _) in found.items()}, ""


def _item(
    parts: Parts, kept: ProjectServer, server: Server | None, last: Launch | None
) -> ProjectItem:
    """What the list shows of a server; without one, its state is not known."""
    found = repository_of(parts, kept)
    state = server.state if server else ""
    return ProjectItem(
        kept=kept,
        name=kept.server.name,
        title=title_of(kept),
        state=state,
        words=_STATES.get(state, state),
        note=_note(kept, state),
        failure=_failure(last, state),
        launch=pages.address(parts.settings, "home", "launches", last.id) if last else "",
        started=server.started if server and state == "running" else None,
        location=location_of(parts.settings, kept),
        project_url=found.web_url if found else "",
        commit_url=commit_url(found, kept.commit_sha),
    )


def title_of(project: ProjectServer | OpenedProject) -> str:
    """The project with the branch that is followed, or with the commit and its branch.

    Such as `group/course (autumn)` and `group/course (main, a06ce4d0)`: two servers of a user have
    different ones.
    """
    path = urlsplit(project.repository).path.strip("/")
    names = [project.branch, *([project.commit_sha[:8]] if project.commit_sha else [])]
    return f"{path} ({', '.join(names)})"


def repository_of(parts: Parts, kept: ProjectServer) -> Repository | None:
    """The repository; None if its host is not one of the site's any more."""
    try:
        return parse_url(parts.git_hosts, kept.clone_url)
    except BadRequest:
        return None


def commit_url(repository: Repository | None, sha: str | None) -> str:
    """The page of a commit at its host; '' if there is none."""
    return repository.host.provider.commit_url(repository, sha) if repository and sha else ""


def location_of(settings: Launcher, kept: ProjectServer) -> str:
    """The address of the workspace in JupyterLab, with what the user had open there."""
    home = urls.below_root(settings.home_path, kept.server.user)
    path = ("lab", "tree", *home, *kept.folder.split("/"))
    return urls.join(settings.public_url(), *kept.server.url_segments, *path)


def _note(kept: ProjectServer, state: str) -> str:
    """What the checkout of a server that runs reported, unless all is as expected."""
    if state not in ("running", "starting"):
        return ""
    if kept.checkout == PREPARING:
        return "The project is being checked out." if state == "running" else ""
    if kept.checkout == FAILED:
        reason = for_people(kept.detail) if kept.detail else "no reason is known."
        return f"The project was not checked out: {reason}"
    # what the checkout has to say beside "projects/… is ready."
    return (kept.detail or "").partition(" is ready.")[2].strip() if kept.checkout == DONE else ""


def _failure(last: Launch | None, state: str) -> str:
    """Why the last launch of a server that is stopped failed, or ''."""
    if last is None or last.state != "failed" or last.problem is None or state != "stopped":
        return ""
    return for_people(str(last.problem["detail"]))
