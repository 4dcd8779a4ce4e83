"""Reads repositories on git hosts with a user's own right: commits, branches and tags."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from launcher.errors import BadRequest, Forbidden, NotFound
from launcher.git import Advertisement, CommitUncertain, Git
from launcher.projects import refs
from launcher.projects.host_calls import HostCalls
from launcher.projects.model import (
    Access,
    GitCredential,
    References,
    RefKind,
    Repository,
    Resolved,
)
from launcher.singleflight import SingleFlight

MAX_REFERENCES = 100


class RepositoryReader:
    """Asks git hosts about repositories.

    The errors of all methods are NotFound for what does not exist or is not visible to the user,
    Forbidden for less access than the site asks for, GitCredentialRefused, and GitHostUnavailable
    with its subclasses.
    """

    def __init__(self, git: Git, calls: HostCalls) -> None:
        self._git = git
        self._calls = calls
        self._resolving: SingleFlight[Resolved] = SingleFlight()
        self._listing: SingleFlight[Advertisement] = SingleFlight()

    async def resolve(
        self, repository: Repository, ref: str, credential: GitCredential | None = None
    ) -> Resolved:
        """The commit that a branch, tag, full or short sha, or HEAD means; raises BadRequest, too.

        A full sha is a commit, whatever else has that name; a branch comes before a tag, and both
        before a short sha. `refs/heads/…` and `refs/tags/…` are branches and tags only.
        """
        name = refs.parse(ref)
        return await self._resolving.share(
            ("ref", repository, repository.url, name, credential),
            lambda: self._resolve(repository, name, credential),
        )

    async def resolve_commit(
        self, repository: Repository, sha: str, credential: GitCredential | None = None
    ) -> Resolved:
        """The commit with that sha, of 7 to 40 digits, and nothing else; raises BadRequest, too."""
        digits = refs.parse_sha(sha)
        return await self._resolving.share(
            ("sha", repository, repository.url, digits, credential),
            lambda: self._resolve_sha(repository, digits, credential),
        )

    async def find_branch(
        self,
        repository: Repository,
        name: str,
        credential: GitCredential | None = None,
        *,
        pointer: str = "/ref",
    ) -> Resolved:
        """The branch with that name, or if there is none, the tag; raises BadRequest, too.

        `pointer` is that of the field with the name.
        """
        short = refs.parse(name, pointer).removeprefix(refs.BRANCHES)
        return await self._resolving.share(
            ("branch", repository, repository.url, short, credential, pointer),
            lambda: self._find_branch(repository, short, credential, pointer),
        )

    async def default_branch(
        self, repository: Repository, credential: GitCredential | None = None
    ) -> str:
        """The branch that HEAD names, or '' if the host does not tell.

        It is asked for on its own: with a pattern for HEAD, git cannot limit what hosts send to
        branches and tags, which in large projects is a small part of it.
        """
        found = await self._listing.share(
            (refs.HEAD, repository, repository.url, credential),
            lambda: self._head(repository, credential),
        )
        return found.head

    async def references(
        self,
        repository: Repository,
        prefix: str = "",
        credential: GitCredential | None = None,
        *,
        limit: int = MAX_REFERENCES,
    ) -> References:
        """The branches and tags whose names begin with the prefix, at most `limit` of each.

        Without a prefix, the default branch is among them, as the first one.
        """
        await self.check_access(repository, credential)
        found = await self._listing.share(
            (repository, repository.url, credential),
            lambda: self._advertised(repository, credential),
        )
        if not found.refs:
            await self._check_host(repository, credential)
        default = "" if prefix else (await self._head(repository, credential)).head
        branches = _names(found.refs, refs.BRANCHES, prefix)
        if default in branches:
            branches = [default, *(each for each in branches if each != default)]
        tags = _names(found.refs, refs.TAGS, prefix)
        is_truncated = max(len(branches), len(tags)) > limit
        return References(tuple(branches[:limit]), tuple(tags[:limit]), default, is_truncated)

    async def check_access(self, repository: Repository, credential: GitCredential | None) -> None:
        """Raise Forbidden if the site asks for more than the user may do in the project.

        Whether the user may read it, git finds out.
        """
        host = repository.host
        if host.min_access is Access.READER:
            return
        if credential is None:
            raise Forbidden(
                f"Projects of {host.display_name} are started by their developers only. Sign in"
                " again, or store an access token for the host."
            )
        api = await self._calls.api(repository, credential)
        if await host.provider.access(api, repository) is not Access.DEVELOPER:
            raise Forbidden(
                f"You need the rights of a developer in this project of {host.display_name}."
            )

    async def _resolve(
        self, repository: Repository, name: str, credential: GitCredential | None
    ) -> Resolved:
        if refs.is_full_sha(name):
            return await self._resolve_sha(repository, name, credential)
        await self.check_access(repository, credential)
        if name == refs.HEAD:
            return await self._default(repository, credential)
        if found := await self._first(repository, _full_names(name), credential):
            return found
        if refs.is_short_sha(name):
            return await self._expand(repository, name.lower(), credential)
        await self._check_host(repository, credential)
        raise _missing(name, repository)

    async def _find_branch(
        self, repository: Repository, short: str, credential: GitCredential | None, pointer: str
    ) -> Resolved:
        await self.check_access(repository, credential)
        branch, tag = refs.BRANCHES + short, refs.TAGS + short.removeprefix(refs.TAGS)
        if found := await self._first(repository, [branch, tag], credential):
            return found
        await self._check_host(repository, credential)
        raise _missing(branch, repository, pointer)

    async def _first(
        self, repository: Repository, names: Sequence[str], credential: GitCredential | None
    ) -> Resolved | None:
        """What the first of the full names that exists means."""
        found = await self._advertised(repository, credential, names)
        for full in names:
            if commit := found.refs.get(f"{full}^{{}}") or found.refs.get(full):
                return _of_ref(full, commit)
        return None

    async def _check_host(self, repository: Repository, credential: GitCredential | None) -> None:
        """Raise GitHostUnavailable if nothing was found because this is no git host."""
        await self._calls.ask_git(repository, credential, self._git.check_host)

    async def _default(self, repository: Repository, credential: GitCredential | None) -> Resolved:
        found = await self._head(repository, credential)
        if refs.HEAD not in found.refs:
            await self._check_host(repository, credential)
            raise NotFound("This project has no commits on its default branch.")
        kind = RefKind.BRANCH if found.head else RefKind.COMMIT
        return Resolved(found.refs[refs.HEAD], found.head or None, kind)

    async def _resolve_sha(
        self, repository: Repository, sha: str, credential: GitCredential | None
    ) -> Resolved:
        await self.check_access(repository, credential)
        if not refs.is_full_sha(sha):
            return await self._expand(repository, sha, credential)
        try:
            commit = await self._calls.ask_git(
                repository, credential, lambda remote: self._git.find_commit(remote, sha)
            )
        except CommitUncertain:
            found = await self._advertised(repository, credential)
            is_checked = sha in found.refs.values()
            return Resolved(sha, None, RefKind.COMMIT, is_checked)
        return Resolved(commit, None, RefKind.COMMIT)

    async def _expand(
        self, repository: Repository, sha: str, credential: GitCredential | None
    ) -> Resolved:
        """The commit that a short sha means."""
        provider = repository.host.provider
        if provider.has_api:
            commit = await self._calls.ask_api(
                repository, credential, lambda api: provider.find_commit(api, repository, sha)
            )
        else:
            found = await self._advertised(repository, credential)
            if not found.refs:
                await self._check_host(repository, credential)
            commit = _only(found, sha)
        return Resolved(commit, None, RefKind.COMMIT)

    async def _head(
        self, repository: Repository, credential: GitCredential | None
    ) -> Advertisement:
        """HEAD; its branch is left out if its name could not be asked for."""
        found = await self._calls.ask_git(
            repository, credential, lambda remote: self._git.ls_remote(remote, head=True)
        )
        return replace(found, head="") if refs.problem(found.head) else found

    async def _advertised(
        self,
        repository: Repository,
        credential: GitCredential | None,
        patterns: Iterable[str] = (),
    ) -> Advertisement:
        wanted = [each for name in patterns for each in (name, f"{name}^{{}}")]
        return await self._calls.ask_git(
            repository, credential, lambda remote: self._git.ls_remote(remote, wanted)
        )


def _full_names(name: str) -> list[str]:
    if name.startswith((refs.BRANCHES, refs.TAGS)):
        return [name]
    return [refs.BRANCHES + name, refs.TAGS + name]


def _of_ref(full: str, commit: str) -> Resolved:
    if full.startswith(refs.BRANCHES):
        return Resolved(commit, full.removeprefix(refs.BRANCHES), RefKind.BRANCH)
    return Resolved(commit, None, RefKind.TAG)


def _missing(name: str, repository: Repository, pointer: str = "/ref") -> NotFound:
    kind = "branch or tag"
    if name.startswith((refs.BRANCHES, refs.TAGS)):
        kind = "branch" if name.startswith(refs.BRANCHES) else "tag"
    short = name.removeprefix(refs.BRANCHES).removeprefix(refs.TAGS)
    return NotFound(
        f"This project has no {kind} {short!r} on {repository.host.display_name}.",
        errors=[{"pointer": pointer, "detail": f"{short!r} is no {kind} of this project"}],
    )


def _only(found: Advertisement, sha: str) -> str:
    """The one commit that begins with the digits; raises NotFound, BadRequest."""
    tags = {name for name in found.refs if f"{name}^{{}}" in found.refs}
    commits = {commit for name, commit in found.refs.items() if name not in tags}
    matching = sorted(commit for commit in commits if commit.startswith(sha))
    if len(matching) > 1:
        raise BadRequest(f"Several commits begin with {sha}: give the full sha of 40 digits.")
    if not matching:
        raise NotFound(
            f"No branch or tag is at a commit that begins with {sha}. This host finds other commits"
            " by their full sha only: give all 40 digits."
        )
    return matching[0]


def _names(advertised: Iterable[str], kind: str, prefix: str) -> list[str]:
    """The names of one kind that begin with the prefix, and that can be asked for."""
    names = {
        full.removeprefix(kind).removesuffix("^{}") for full in advertised if full.startswith(kind)
    }
    return sorted(name for name in names if name.startswith(prefix) and not refs.problem(name))
