"""Any git host over https, without an API."""

from launcher.errors import NotFound
from launcher.projects.api import HostApi
from launcher.projects.model import Access, ProjectPath, Provider, Repository


class PlainGit(Provider):
    """Git over https, and nothing else: what git may read is visible."""

    username = "git"
    has_api = False
    ignores_case = False

    @property
    def api_url(self) -> str:
        """None."""
        return ""

    def parse_path(self, path: ProjectPath) -> ProjectPath:
        """The path as it is: `a` and `a.git` may be two repositories."""
        return path

    def clone_path(self, path: ProjectPath) -> str:
        """The path as it is."""
        return "/".join(path)

    async def access(self, api: HostApi, repository: Repository) -> Access:
        """READER, which is checked when git reads the repository."""
        return Access.READER

    async def find_commit(self, api: HostApi, repository: Repository, sha: str) -> str:
        """Raise NotFound: git finds commits by their full sha only."""
        raise NotFound("Give the full sha of the commit: 40 hexadecimal digits.")

    def commit_url(self, repository: Repository, sha: str) -> str:
        """None: each product has its own."""
        return ""
