"""GitHub: github.com, GitHub Enterprise Server, and what has the same API."""

import re

from launcher.projects.api import HostApi
from launcher.projects.model import (
    Access,
    GitCredential,
    ProjectPath,
    Provider,
    Repository,
    owner_and_name,
)

PUBLIC = "https://github.com"


class GitHub(Provider):
    """GitHub; a repository has an owner and a name."""

    username = "x-access-token"
    access_help = "A classic token with the scope repo, or a fine-grained one that reads Contents."
    access_page = "settings/tokens"
    page_of_folder = re.compile(
        "(?P<repository>[^/]+/[^/]+)/(?:tree|blob)/(?P<ref>[^/]+)(?:/(?P<path>.+))?"
    )

    @property
    def api_url(self) -> str:
        """That of github.com is on a host of its own."""
        return "https://api.github.com" if self.url == PUBLIC else f"{self.url}/api/v3"

    def parse_path(self, path: ProjectPath) -> ProjectPath:
        """The owner and the name; raises ValueError."""
        return owner_and_name(path)

    def headers(self, credential: GitCredential | None) -> dict[str, str]:
        """With the version of the API."""
        return {"X-GitHub-Api-Version": "2022-11-28", **super().headers(credential)}

    async def access(self, api: HostApi, repository: Repository) -> Access:
        """DEVELOPER for those who may push."""
        found = await api.get_object(_path(repository))
        permissions = found.get("permissions")
        may_push = isinstance(permissions, dict) and permissions.get("push") is True
        return Access.DEVELOPER if may_push else Access.READER

    async def find_commit(self, api: HostApi, repository: Repository, sha: str) -> str:
        """With the media type that has the sha alone: a commit with its changes may be large."""
        found = await api.get(
            f"{_path(repository)}/commits/{sha}", Accept="application/vnd.github.sha"
        )
        return api.commit_in(found.body.decode("ascii", "replace").strip(), sha)

    def commit_url(self, repository: Repository, sha: str) -> str:
        """The page of a commit."""
        return f"{repository.web_url}/commit/{sha}"


def _path(repository: Repository) -> str:
    return "/repos/" + "/".join(repository.path)
