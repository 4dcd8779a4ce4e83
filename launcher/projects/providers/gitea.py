"""Gitea and Forgejo, such as codeberg.org."""

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


class Gitea(Provider):
    """Gitea or Forgejo; a repository has an owner and a name."""

    username = "token"
    access_help = "An access token with the permission to read repositories (read:repository)."
    access_page = "user/settings/applications"
    page_of_folder = re.compile(
        "(?P<repository>[^/]+/[^/]+)/src/(?:branch|tag|commit)/(?P<ref>[^/]+)(?:/(?P<path>.+))?"
    )

    @property
    def api_url(self) -> str:
        """Version 1, below the host's URL."""
        return f"{self.url}/api/v1"

    def parse_path(self, path: ProjectPath) -> ProjectPath:
        """The owner and the name; raises ValueError."""
        return owner_and_name(path)

    def headers(self, credential: GitCredential | None) -> dict[str, str]:
        """With the scheme that Gitea has for access tokens and those of OAuth."""
        return {"Authorization": f"token {credential.token}"} if credential else {}

    async def access(self, api: HostApi, repository: Repository) -> Access:
        """DEVELOPER for those who may push."""
        permissions = (await api.get_object(_path(repository))).get("permissions")
        may_push = isinstance(permissions, dict) and permissions.get("push") is True
        return Access.DEVELOPER if may_push else Access.READER

    async def find_commit(self, api: HostApi, repository: Repository, sha: str) -> str:
        """Without its changes and files."""
        without = "stat=false&verification=false&files=false"
        found = await api.get_object(f"{_path(repository)}/git/commits/{sha}?{without}")
        return api.commit_in(found.get("sha"), sha)

    def commit_url(self, repository: Repository, sha: str) -> str:
        """The page of a commit."""
        return f"{repository.web_url}/commit/{sha}"


def _path(repository: Repository) -> str:
    return "/repos/" + "/".join(repository.path)
