"""The users' access tokens for git hosts, kept encrypted."""

from collections.abc import Mapping

from launcher.errors import BadRequest, NotFound
from launcher.projects.hosts import GitHosts
from launcher.projects.model import GitCredential, GitHost
from launcher.sealing import Seal
from launcher.store import Store, git_tokens
from launcher.store.git_tokens import SIGN_IN, USER, GitToken

# what the user stored stays until it is removed
STORED_SECONDS = 10 * 366 * 86_400.0
# each sign-in and each start of a server hands it over again
SIGN_IN_SECONDS = 30 * 86_400.0


class Credentials:
    """Keeps a token that the user stored, and one of the hub's sign-in, per user and host.

    What was sealed with another secret, or for another user or host, counts as no token.
    """

    def __init__(self, store: Store, secret: bytes, hosts: GitHosts) -> None:
        self._store = store
        self._seal = Seal(secret, "tokens for git hosts")
        self._hosts = hosts

    def host(self, name: str) -> GitHost:
        """The host with that name, and port unless it is 443; raises NotFound."""
        wanted = f"https://{name.lower()}"
        for host in self._hosts:
            if host.url == wanted:
                return host
        raise NotFound(f"{name!r} is not one of the git hosts of this site. GET /git-hosts.")

    def host_at(self, url: str) -> GitHost:
        """The host with that URL, however it is written; raises NotFound."""
        try:
            return self._hosts.find(url, "/url")
        except BadRequest as error:
            raise NotFound(error.detail) from error

    async def for_host(self, user: str, host: GitHost) -> GitCredential | None:
        """The user's credential for a host: the stored one, else that of the sign-in."""
        found = {token.source: token for token in await self._all(user) if token.host == host.url}
        for source in (USER, SIGN_IN):
            if source in found and (opened := self._open(found[source])):
                return opened
        return None

    async def held(self, user: str) -> Mapping[str, str]:
        """The source of the token that is used, `user` or `sign-in`, by the URL of its host."""
        usable = [token for token in await self._all(user) if self._open(token)]
        return {
            token.host: token.source
            for token in sorted(usable, key=lambda token: token.source == USER)
        }

    async def store_token(self, user: str, host: GitHost, credential: GitCredential) -> None:
        """Keep a token that the user gives, in place of an earlier one."""
        await self._put(user, host, USER, credential, STORED_SECONDS)

    async def hand_over(self, user: str, host: GitHost, token: str) -> None:
        """Keep the token of the user's sign-in at the hub; raises BadRequest."""
        await self._put(user, host, SIGN_IN, GitCredential(host.url, token), SIGN_IN_SECONDS)

    async def withdraw(self, user: str, host: GitHost) -> None:
        """Delete the token of an earlier sign-in: the last one gave none."""
        await self._store.run(git_tokens.remove, user, host.url, SIGN_IN)

    async def remove(self, user: str, host: GitHost) -> None:
        """Delete the user's tokens for a host, whoever gave them; raises NotFound."""
        if not await self._store.run(git_tokens.remove, user, host.url):
            raise NotFound(f"There is no token of yours for {host.display_name}.")

    async def _all(self, user: str) -> list[GitToken]:
        return await self._store.read(git_tokens.find_all, user)

    async def _put(
        self, user: str, host: GitHost, source: str, credential: GitCredential, seconds: float
    ) -> None:
        value = {
            "user": user,
            "host": host.url,
            "token": credential.token,
            "username": credential.username,
        }
        sealed = self._seal.close(value, seconds)
        await self._store.run(git_tokens.put, GitToken(user, host.url, source, sealed))

    def _open(self, token: GitToken) -> GitCredential | None:
        value = self._seal.open(token.token)
        if value is None or (value["user"], value["host"]) != (token.user, token.host):
            return None
        return GitCredential(token.host, value["token"], value["username"])
