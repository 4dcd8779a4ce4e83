"""What the page of a launch shows of the project that it opens."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from launcher.config import Launcher
from launcher.errors import BadRequest
from launcher.launches.location import location
from launcher.parts import Parts
from launcher.projects.repositories import parse_url
from launcher.store.launches import Launch, OpenedProject
from launcher.web import pages
from launcher.web.project_list import title_of
from launcher.web.ways_out import NOT_CHECKED_OUT


@dataclass(frozen=True)
class LaunchedProject:
    """The project of a launch."""

    title: str
    opened: OpenedProject
    url: str
    """The page of the repository; '' if its host is not one of the site's any more."""
    commit_url: str
    log: str
    """The address of the server's log."""
    anyway: str
    """Where a server opens whose project was not checked out, else ''."""


def launched_project(parts: Parts, launch: Launch) -> LaunchedProject | None:
    """The project of a launch; None if it has none."""
    opened = launch.project
    if opened is None:
        return None
    try:
        found = parse_url(parts.git_hosts, opened.repository)
    except BadRequest:
        found = None
    sha = opened.commit_sha
    segments = ("home", "projects", "servers", launch.server.name, "log")
    return LaunchedProject(
        title=title_of(opened),
        opened=opened,
        url=found.web_url if found else "",
        commit_url=found.host.provider.commit_url(found, sha) if found and sha else "",
        log=pages.address(parts.settings, *segments),
        anyway=_anyway(parts.settings, launch, opened),
    )


def form_address(prefix: str, launch: Launch) -> str:
    """The address of the form, filled in as it was for the launch; '' without a project."""
    opened = launch.project
    if opened is None:
        return ""
    pairs = {"repo": opened.repository, "ref": opened.commit_sha or opened.branch}
    if opened.commit_sha is None:
        pairs["follow"] = "branch"
    if opened.opens:
        pairs["notebook"] = opened.opens
    if launch.environment:
        pairs |= {
            "entrypoint": launch.environment.entrypoint,
            "system": launch.environment.system,
        }
    return f"{prefix}/home/projects?{urlencode(pairs, safe='/:')}"


def _anyway(settings: Launcher, launch: Launch, opened: OpenedProject) -> str:
    """The workspace, in which a page says what went wrong."""
    if (launch.problem or {}).get("type") not in NOT_CHECKED_OUT:
        return ""
    whole = replace(launch, project=replace(opened, opens=None))
    return location(whole, settings.public_url(), settings.home_path)
