"""From what a caller asks for to the server that is kept for it: repository, commit, options."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from launcher import urls
from launcher.errors import BadRequest
from launcher.projects import refs
from launcher.projects.credentials import Credentials
from launcher.projects.hosts import GitHosts
from launcher.projects.images import Images
from launcher.projects.model import GitCredential, References, Repository
from launcher.projects.options import ServerOptions
from launcher.projects.reader import RepositoryReader
from launcher.projects.repositories import parse_project, parse_url
from launcher.projects.server_names import server_name
from launcher.server_ref import ServerRef
from launcher.store.project_servers import ProjectServer

# of Renku notebooks, and of hosts that do not tell the default branch
DEFAULT_BRANCH = "master"
# of the branch that prepare.py checks out on
MAX_BRANCH = 200


@dataclass(frozen=True)
class Plan:
    """The server for a project, and what is opened there."""

    server: ProjectServer
    opens: str | None
    """A file or folder, as a path below the workspace."""


@dataclass(frozen=True)
class _Target:
    """The commit that is checked out on a branch, or the branch that is followed."""

    commit: str | None
    branch: str


class Planning:
    """Plans servers for projects, with the user's own right to read them."""

    def __init__(
        self,
        hosts: GitHosts,
        reader: RepositoryReader,
        credentials: Credentials,
        options: ServerOptions,
        images: Images,
        *,
        folder: str,
    ) -> None:
        """Workspaces lie in the `folder` below the home."""
        self._hosts = hosts
        self._reader = reader
        self._credentials = credentials
        self._options = options
        self._images = images
        self._folder = folder

    async def plan(self, user: str, asked: Mapping[str, Any], groups: Collection[str]) -> Plan:
        """The server for what a body of `POST /servers` asks for; groups are those of the user.

        Raises BadRequest, NotFound for what does not exist or is not visible to the user, and as
        `RepositoryReader` does.
        """
        repository = self.repository(asked)
        options = self._options.choose(asked.get("serverOptions", {}), groups)
        opens = asked.get("notebook")
        opens = urls.parse_project_path(opens, "/notebook") if opens else None
        credential = await self._credentials.for_host(user, repository.host)
        target = await self._target(repository, asked, credential)
        image = await self._image(repository, asked.get("image"), target, credential)
        follow = "" if target.commit else "branch"
        name = server_name(
            provider=repository.host.provider_name,
            canonical_url=repository.canonical_url,
            commit_or_branch=target.commit or target.branch,
            branch=target.branch,
            follow=follow,
        )
        kept = ProjectServer(
            server=ServerRef(user, name),
            provider=repository.host.provider_name,
            repository=repository.canonical_url,
            clone_url=repository.url,
            namespace=repository.namespace,
            project=repository.project,
            commit_sha=target.commit,
            branch=target.branch,
            folder=f"{self._folder}/{name}",
            options=options,
            image=image,
            image_asked=bool(asked.get("image")),
        )
        return Plan(kept, opens)

    async def resolve(self, user: str, url: str, ref: str | None) -> dict[str, Any]:
        """What a name in a repository means, as openapi.yaml describes it; raises as `plan`."""
        repository = parse_url(self._hosts, url, "/url")
        credential = await self._credentials.for_host(user, repository.host)
        found = await self._reader.resolve(repository, ref or refs.HEAD, credential)
        return {
            "repository": repository.canonical_url,
            "namespace": repository.namespace,
            "project": repository.project,
            "commit_sha": found.commit,
            "branch": found.branch,
            "kind": found.kind,
            "commit_url": repository.host.provider.commit_url(repository, found.commit) or None,
        }

    async def references(self, user: str, repository: Repository, prefix: str = "") -> References:
        """The branches and tags that begin with the prefix; raises as `RepositoryReader`."""
        credential = await self._credentials.for_host(user, repository.host)
        return await self._reader.references(repository, prefix, credential)

    def repository(self, asked: Mapping[str, Any]) -> Repository:
        """The repository that a body names; raises BadRequest."""
        if "repository" in asked:
            for name in ("namespace", "project"):
                if name in asked:
                    raise _wrong(name, "is part of the repository's URL; leave one of them out")
            return parse_url(self._hosts, asked["repository"])
        for name in ("namespace", "project"):
            if name not in asked:
                raise _wrong(name, "is missing; or give the URL of a repository")
        return parse_project(self._hosts, asked["namespace"], asked["project"])

    async def _target(
        self, repository: Repository, asked: Mapping[str, Any], credential: GitCredential | None
    ) -> _Target:
        branch = asked.get("branch")
        if branch is not None:
            _parse_branch(branch)
        if asked.get("follow"):
            return await self._followed(repository, asked, credential)
        is_of_renku = "repository" not in asked and "ref" not in asked
        if "commit_sha" in asked:
            if "ref" in asked:
                raise _wrong("ref", "cannot be beside commit_sha; leave one of them out")
            found = await self._reader.resolve_commit(repository, asked["commit_sha"], credential)
        elif not is_of_renku:
            ref = asked.get("ref", refs.HEAD)
            found = await self._reader.resolve(repository, ref, credential)
        else:
            raise _wrong("commit_sha", "is missing; or give a ref, such as a branch")
        branch = branch or found.branch
        if not branch and not is_of_renku:
            branch = await self._reader.default_branch(repository, credential)
        branch = branch or DEFAULT_BRANCH
        _parse_branch(branch)
        return _Target(found.commit, branch)

    async def _followed(
        self, repository: Repository, asked: Mapping[str, Any], credential: GitCredential | None
    ) -> _Target:
        if "commit_sha" in asked:
            raise _wrong("commit_sha", "cannot be followed; leave it out, or leave out follow")
        field = "ref" if "ref" in asked else "branch"
        name = refs.parse(asked.get(field, refs.HEAD), f"/{field}")
        if refs.is_full_sha(name):
            raise _not_a_branch(field, name)
        if name == refs.HEAD:
            found = await self._reader.resolve(repository, name, credential)
        else:
            found = await self._reader.find_branch(
                repository, name, credential, pointer=f"/{field}"
            )
        if found.branch is None:
            raise _not_a_branch(field, name.removeprefix(refs.TAGS))
        _parse_branch(found.branch)
        return _Target(None, found.branch)

    async def _image(
        self,
        repository: Repository,
        asked: str | None,
        target: _Target,
        credential: GitCredential | None,
    ) -> str | None:
        if asked:
            return await self._images.require(asked, repository, credential)
        if target.commit is None:
            return None
        return await self._images.find(repository, target.commit, credential)


def _parse_branch(text: str) -> None:
    """Raise BadRequest for what cannot be the name of a branch."""
    refs.parse(text, "/branch")
    if refs.is_full_sha(text):
        raise _wrong("branch", "must be the name of a branch; a commit belongs to commit_sha")
    if len(text) > MAX_BRANCH:
        raise _wrong("branch", f"must have at most {MAX_BRANCH} characters")


def _not_a_branch(field: str, name: str) -> BadRequest:
    return BadRequest(
        f"{name!r} is not a branch of this project; only a branch can be followed.",
        errors=[{"pointer": f"/{field}", "detail": f"must be a branch, and {name!r} is not"}],
    )


def _wrong(field: str, sentence: str) -> BadRequest:
    return BadRequest(f"{field} {sentence}.", errors=[{"pointer": f"/{field}", "detail": sentence}])
