"""Calls to git hosts with a user's credential, which goes to its own host only."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from launcher import outbound
from launcher.errors import GitCredentialRefused, NotFound
from launcher.git import Remote
from launcher.projects.addresses import Addresses
from launcher.projects.api import SECONDS, HostApi
from launcher.projects.model import Access, GitCredential, Repository

T = TypeVar("T")
Call = Callable[[GitCredential | None], Awaitable[T]]


class HostCalls:
    """Makes the remotes and APIs that calls are made with.

    A credential that is not valid any more is left out the second time, as far as the site lets
    everybody start public projects.
    """

    def __init__(
        self, session: outbound.Session, addresses: Addresses, *, seconds: float = SECONDS
    ) -> None:
        """`session` is one of `api.open_session`, whose resolver has the same addresses.

        `seconds` is the timeout of a request to an API.
        """
        self._seconds = seconds
        self._session = session
        self._addresses = addresses

    async def ask_git(
        self,
        repository: Repository,
        credential: GitCredential | None,
        call: Callable[[Remote], Awaitable[T]],
    ) -> T:
        """The result of a call for the repository."""

        async def ask(given: GitCredential | None) -> T:
            return await call(await self.remote(repository, given))

        return await _ask(repository, credential, ask)

    async def ask_api(
        self,
        repository: Repository,
        credential: GitCredential | None,
        call: Callable[[HostApi], Awaitable[T]],
    ) -> T:
        """The result of a call to the API of the repository's host."""

        async def ask(given: GitCredential | None) -> T:
            return await call(await self.api(repository, given))

        return await _ask(repository, credential, ask)

    async def remote(self, repository: Repository, credential: GitCredential | None) -> Remote:
        """How git reaches the repository; raises GitHostUntrusted, GitHostUnavailable."""
        _check_host(repository, credential)
        host = repository.host
        return Remote(
            url=repository.url,
            host=host.url,
            display_name=host.display_name,
            addresses=await self._addresses.of_host(host),
            ca_file=host.ca_file,
            login=host.provider.login(credential) if credential else None,
        )

    async def api(self, repository: Repository, credential: GitCredential | None) -> HostApi:
        """The API of the repository's host; raises as `remote`."""
        _check_host(repository, credential)
        host = repository.host
        await self._addresses.of_host(host)
        return HostApi(
            session=self._session,
            url=host.provider.api_url,
            display_name=host.display_name,
            headers=host.provider.headers(credential),
            has_credential=credential is not None,
            tls=host.tls,
            seconds=self._seconds,
        )


async def _ask(repository: Repository, credential: GitCredential | None, call: Call[T]) -> T:
    try:
        return await call(credential)
    except GitCredentialRefused:
        if credential is None or repository.host.min_access is not Access.READER:
            raise
        try:
            return await call(None)
        except NotFound:
            pass
        raise


def _check_host(repository: Repository, credential: GitCredential | None) -> None:
    if credential and credential.host != repository.host.url:
        raise ValueError("the credential is for another host")
