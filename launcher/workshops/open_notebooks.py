"""Who has a notebook open: what the participants' servers say about their sessions."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from cachetools import TTLCache

from launcher.contents import Contents, ServerGone
from launcher.errors import LauncherError
from launcher.server_ref import ServerRef
from launcher.store.workshop_launches import Member

AT_ONCE = 20
SECONDS = 3.0
# for all servers together; those that did not answer are not known
WHOLE_SECONDS = 6.0
KEPT_SECONDS = 10.0
MAX_KEPT = 2000
SESSIONS_BYTES = 256 * 2**10


class OpenNotebooks:
    """Asks the participants' servers, each at most every KEPT_SECONDS."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._kept: TTLCache[ServerRef, frozenset[str] | None] = TTLCache(MAX_KEPT, KEPT_SECONDS)

    async def among(self, members: Sequence[Member]) -> Mapping[str, bool | None]:
        """For each user whose launch is done, whether its notebook is open; None: not known."""
        done = [each for each in members if each.state == "done" and each.path and each.server_user]
        tasks = {each.user: asyncio.create_task(self._is_open(each)) for each in done}
        if tasks:
            _, late = await asyncio.wait(tasks.values(), timeout=WHOLE_SECONDS)
            for task in late:
                task.cancel()
        return {
            user: task.result() if task.done() and not task.cancelled() else None
            for user, task in tasks.items()
        }

    async def _is_open(self, member: Member) -> bool | None:
        server = ServerRef(member.server_user or member.user, member.server or "")
        if server not in self._kept:
            async with self._slots:
                self._kept[server] = await self._opened(server)
        paths = self._kept.get(server)
        if paths is None or member.path is None:
            return None
        return self._contents.below_root(server.user, member.path) in paths

    async def _opened(self, server: ServerRef) -> frozenset[str] | None:
        """The paths with a session; none in a server that does not run, None if not known."""
        with suppress(LauncherError, TimeoutError):
            try:
                async with asyncio.timeout(SECONDS):
                    return await self._contents.opened(server, SESSIONS_BYTES)
            except ServerGone:
                return frozenset()
        return None
