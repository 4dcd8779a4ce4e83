"""The credentials that checkouts in users' servers ask for."""

from launcher.git import Login
from launcher.projects.credentials import Credentials
from launcher.projects.hosts import GitHosts
from launcher.server_ref import ServerRef
from launcher.store import Store, project_servers


class CheckoutCredentials:
    """Gives a server the credential of its project's host, once in each start."""

    def __init__(self, store: Store, hosts: GitHosts, credentials: Credentials) -> None:
        self._store = store
        self._hosts = hosts
        self._credentials = credentials

    async def give(self, server: ServerRef, url: str) -> Login | None:
        """The credential for the project of a server, which asks for the URL that it fetches.

        None if the server has no such project, checks nothing out, has got the credential in this
        start, or if the user has none for the host. Raises BadRequest, StoreUnavailable.
        """
        kept = await self._store.read(project_servers.find, server)
        if kept is None or kept.clone_url != url:
            return None
        host = self._hosts.find(kept.clone_url)
        found = await self._credentials.for_host(server.user, host)
        if found is None or not await self._store.run(project_servers.give_credential, server):
            return None
        return host.provider.login(found)
