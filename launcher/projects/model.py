"""Git hosts, repositories on them, and what a name in a repository means."""

import enum
import re
import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from launcher.errors import BadRequest
from launcher.git import Login
from launcher.projects.api import HostApi

# printable ASCII: it becomes a part of an HTTP header
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_USERNAME = re.compile(r"[\x21-\x39\x3b-\x7e]{0,255}")

ProjectPath = tuple[str, ...]
"""The names of a repository below its host, such as ("group", "project")."""


class Access(enum.StrEnum):
    """What a user may do in a project."""

    READER = "reader"
    DEVELOPER = "developer"


class RefKind(enum.StrEnum):
    """What a name in a repository was."""

    COMMIT = "commit"
    BRANCH = "branch"
    TAG = "tag"


@dataclass(frozen=True)
class GitCredential:
    """An access token of a user for one git host; raises BadRequest if it cannot be one."""

    host: str
    """The URL of the only host that it is sent to, as `GitHost.url`."""
    token: str = field(repr=False)
    username: str = ""
    """For hosts that need the user's own name beside a token or password."""

    def __post_init__(self) -> None:
        if not self.token:
            raise _refused("token", "has to be filled in")
        if not _TOKEN.fullmatch(self.token):
            raise _refused("token", "must be 1 to 4096 ASCII characters without spaces")
        if not _USERNAME.fullmatch(self.username):
            raise _refused("username", "must be ASCII characters without spaces and colons")


def _refused(name: str, sentence: str) -> BadRequest:
    return BadRequest(f"{name} {sentence}.", errors=[{"pointer": f"/{name}", "detail": sentence}])


@dataclass(frozen=True)
class GitHost:
    """A git host on the administrator's list (`c.Launcher.git_hosts`)."""

    url: str
    """`https://` and the name in lower case, with the port unless it is 443."""
    provider: "Provider"
    provider_name: str
    """As it is configured: `gitlab`, `github`, `gitea`, `git`, or the name of a class."""
    display_name: str
    min_access: Access = Access.READER
    ca_file: str = ""
    allow_private: bool = False
    """Whether it may have an address of a private network."""
    registry: str = ""
    """The URL of its image registry, as `url`; '' if it has none."""
    image: str = "{namespace}/{project}:{commit_sha:.7}"
    """The name in the registry, with the tag, of the image of a commit."""
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @property
    def hostname(self) -> str:
        """The name without a port; an IPv6 address has no brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port."""
        return urlsplit(self.url).port or 443


@dataclass(frozen=True)
class Repository:
    """A git repository; two are equal if the host takes them for the same."""

    host: GitHost
    canonical_path: ProjectPath
    path: ProjectPath = field(compare=False)
    """As it was written."""

    @property
    def project(self) -> str:
        """The last name of the path."""
        return self.path[-1]

    @property
    def namespace(self) -> str:
        """What is before the project, such as `group/subgroup`."""
        return "/".join(self.path[:-1])

    @property
    def url(self) -> str:
        """The URL that git fetches."""
        return f"{self.host.url}/{self.host.provider.clone_path(self.path)}"

    @property
    def canonical_url(self) -> str:
        """The URL that identifies the repository: the same for each way to write it."""
        return f"{self.host.url}/{'/'.join(self.canonical_path)}"

    @property
    def web_url(self) -> str:
        """The URL of the repository's page."""
        return f"{self.host.url}/{'/'.join(self.path)}"


@dataclass(frozen=True)
class Resolved:
    """The commit that a name means."""

    commit: str
    """The full sha: 40 hexadecimal digits in lower case."""
    branch: str | None
    kind: RefKind
    is_checked: bool = True
    """False if the host does not tell whether it has the commit; the checkout finds out."""


@dataclass(frozen=True)
class References:
    """Branches and tags of a repository, for completion."""

    branches: tuple[str, ...]
    tags: tuple[str, ...]
    default_branch: str
    """'' if the repository has none, or if it was not asked for."""
    is_truncated: bool
    """Whether there are more."""


class Provider(ABC):
    """The product that a git host runs.

    Further keys of the host's entry in the configuration are passed to the constructor as keywords.
    For a value that is not valid, it raises ConfigError with a sentence that begins with the key.
    """

    username: ClassVar[str]
    """What git sends as the user's name beside an access token."""
    has_api: ClassVar[bool] = True
    """Whether `access` and `find_commit` can be called."""
    ignores_case: ClassVar[bool] = True
    """Whether the case of a path does not matter."""
    access_help: ClassVar[str] = "A token or password that the host accepts for git over https."
    """Which access token a user needs, as a sentence."""
    access_page: ClassVar[str] = ""
    """The path of the host's page where users make one; '' if it is not known."""
    page_of_folder: ClassVar[re.Pattern[str] | None] = None
    """The path of the host's page of a file or folder of a repository, if it is known.

    Its groups are `repository`, `ref` and `path`; a name with a slash cannot be told from a folder.
    """

    def __init__(self, *, url: str) -> None:
        """`url` is that of the host."""
        self.url = url

    @property
    @abstractmethod
    def api_url(self) -> str:
        """The URL of the API, without a slash at its end; '' if there is none."""

    @abstractmethod
    def parse_path(self, path: ProjectPath) -> ProjectPath:
        """The path of a repository without what may be left out, such as `.git`.

        Raises ValueError with the end of a sentence, such as "must name a group and a project".
        """

    def clone_path(self, path: ProjectPath) -> str:
        """The path that git fetches."""
        return "/".join(path) + ".git"

    def login(self, credential: GitCredential) -> Login:
        """What git sends to the host."""
        return Login(credential.username or self.username, credential.token)

    def headers(self, credential: GitCredential | None) -> dict[str, str]:
        """The headers of a request to the API."""
        return {"Authorization": f"Bearer {credential.token}"} if credential else {}

    @abstractmethod
    async def access(self, api: HostApi, repository: Repository) -> Access:
        """What the user may do in the project; raises as `HostApi.get`."""

    @abstractmethod
    async def find_commit(self, api: HostApi, repository: Repository, sha: str) -> str:
        """The full sha of a commit from its first digits; raises as `HostApi.get`."""

    @abstractmethod
    def commit_url(self, repository: Repository, sha: str) -> str:
        """The URL of the page of a commit; '' if there is none."""


def without_suffix(path: ProjectPath) -> ProjectPath:
    """The path without `.git` at its end."""
    return (*path[:-1], path[-1].removesuffix(".git"))


def owner_and_name(path: ProjectPath) -> ProjectPath:
    """The path without `.git`; raises ValueError unless it is an owner and a name."""
    if len(path) != 2:
        raise ValueError("must name an owner and a repository, and nothing after them")
    return without_suffix(path)
