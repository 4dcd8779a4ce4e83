"""GitLab: gitlab.com and GitLab of a site's own."""

import re
from typing import Any
from urllib.parse import quote

from launcher.errors import NotFound
from launcher.projects.api import HostApi
from launcher.projects.model import Access, ProjectPath, Provider, Repository, without_suffix

# https://docs.gitlab.com/api/access_requests/#valid-access-levels
DEVELOPER = 30


class GitLab(Provider):
    """GitLab; its projects are in groups, which may be in groups."""

    username = "oauth2"
    access_help = "A personal access token with the scopes read_api and read_repository."
    access_page = "-/user_settings/personal_access_tokens"
    # no group or project may be called tree or blob; old addresses have no "-"
    page_of_folder = re.compile(
        "(?P<repository>[^/]+(?:/[^/]+)+?)(?:/-)?/(?:tree|blob)/(?P<ref>[^/]+)(?:/(?P<path>.+))?"
    )

    @property
    def api_url(self) -> str:
        """Version 4, below the host's URL."""
        return f"{self.url}/api/v4"

    def parse_path(self, path: ProjectPath) -> ProjectPath:
        """The groups and the project; raises ValueError."""
        if len(path) < 2:
            raise ValueError("must name a group or user and a project")
        return without_suffix(path)

    async def access(self, api: HostApi, repository: Repository) -> Access:
        """By the user's role in the project and in its groups."""
        project = await api.get_object(_project(repository))
        permissions = project.get("permissions")
        if isinstance(permissions, dict) and any(map(_is_developer, permissions.values())):
            return Access.DEVELOPER
        if api.has_credential and _is_developer(await self._membership(api, repository)):
            return Access.DEVELOPER
        return Access.READER

    async def _membership(self, api: HostApi, repository: Repository) -> dict[str, Any]:
        """The membership with what groups are invited to the project; empty for no member."""
        user = (await api.get_object("/user")).get("id")
        try:
            return await api.get_object(f"{_project(repository)}/members/all/{int(user or 0)}")
        except NotFound:
            return {}

    async def find_commit(self, api: HostApi, repository: Repository, sha: str) -> str:
        """From the list of commits, which knows short shas."""
        found = await api.get_object(f"{_project(repository)}/repository/commits/{sha}")
        return api.commit_in(found.get("id"), sha)

    def commit_url(self, repository: Repository, sha: str) -> str:
        """The page of a commit."""
        return f"{repository.web_url}/-/commit/{sha}"


def _project(repository: Repository) -> str:
    return f"/projects/{quote('/'.join(repository.path), safe='')}"


def _is_developer(membership: Any) -> bool:
    level = membership.get("access_level") if isinstance(membership, dict) else None
    return isinstance(level, int) and level >= DEVELOPER
