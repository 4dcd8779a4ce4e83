"""Holds launches of git projects until they are checked out on their servers."""

import time
from typing import Any

import sqlalchemy as sa

from launcher import log_text
from launcher.contents import ServerGone
from launcher.errors import (
    CheckoutFailed,
    CheckoutTimeout,
    HookMissing,
    OtherEnvironment,
    ServerStopped,
)
from launcher.hub import Hub, servers
from launcher.launches.feed import Feed
from launcher.launches.running import RunningStarts
from launcher.server_ref import ServerRef
from launcher.spawning import Started
from launcher.store import Store, project_servers
from launcher.store import launches as launch_rows
from launcher.store.launches import Launch
from launcher.store.project_servers import DONE, FAILED, PREPARING


class CheckoutRuns(Exception):
    """The server runs, and its project is not checked out yet."""


class Checkouts:
    """The checkouts of projects in users' servers."""

    def __init__(
        self, store: Store, hub: Hub, feed: Feed, running: RunningStarts, *, timeout: float
    ) -> None:
        """`timeout` bounds a checkout, in seconds after the start of its server was requested."""
        self._store = store
        self._hub = hub
        self._feed = feed
        self._running = running
        self._timeout = timeout

    async def require(self, launch: Launch) -> None:
        """Return if the launch has no project, or if it is checked out on the server that runs.

        Raises ServerGone if the server does not run, CheckoutRuns, CheckoutFailed, HookMissing,
        OtherEnvironment, ServerStopped, HubUnavailable, HubRefused or UnknownUser.
        """
        if launch.project is None:
            return
        started = await self._running.find(launch.server)
        kept = await self._store.read(project_servers.find, launch.server)
        if kept is None:
            raise ServerStopped("The server was removed before the launch was done.")
        now = await servers.state(self._hub, launch.server)
        if not now.ready or now.pending:
            raise ServerGone
        if started is None or kept.checkout is None:
            raise _started_without_us(launch)
        if kept.checkout == FAILED:
            raise CheckoutFailed(
                f"The server runs, but the project was not checked out: {kept.detail}"
            )
        if kept.checkout != DONE:
            self._check_time(started)
            raise CheckoutRuns

    def _check_time(self, started: Started) -> None:
        if time.time() > started.spec.fetched_at + self._timeout:
            raise CheckoutTimeout(
                f"The checkout has not ended within {self._timeout:.0f} seconds. The server runs:"
                " its log says how far it came. Stop the server, and launch again."
            )

    async def have_ended(self, server: ServerRef) -> bool:
        """Whether nothing is checked out on the server now; raises StoreUnavailable."""
        kept = await self._store.read(project_servers.find, server)
        return kept is None or kept.checkout != PREPARING

    async def reported(
        self,
        server: ServerRef,
        start_id: str,
        *,
        message: str,
        progress: int,
        state: str | None,
    ) -> bool:
        """Record what the checkout of a start reports; whether that start still checks out.

        `progress` is in percent, `state` is done or failed at the end. Raises StoreUnavailable.
        """
        kept = await self._store.read(project_servers.find, server)
        if kept is None or (kept.start_id, kept.checkout) != (start_id, PREPARING):
            return False
        event = {"message": _readable(message), "progress": progress}
        if state is None:
            changed = await self._store.run(launch_rows.record_checkout, server, event)
        else:
            changed = await self._store.run(_end, server, start_id, state, event)
        self._feed.wake(changed)
        return True


def _end(
    connection: sa.Connection, server: ServerRef, start_id: str, state: str, event: dict[str, Any]
) -> list[str]:
    """Record the end of a checkout; returns the ids of the launches that changed."""
    project_servers.end(connection, server, start_id, checkout=state, detail=event["message"])
    return launch_rows.record_checkout(connection, server, event, is_last=True)


def _readable(message: str) -> str:
    """A message on one line, without secrets and what controls a terminal: a server sent it."""
    return " ".join(log_text.cleaned(message.splitlines())).strip() or "…"


def _started_without_us(launch: Launch) -> HookMissing | OtherEnvironment:
    if launch.attempts:
        return HookMissing(
            "The server was started, but the hub did not get its project from the launcher. Stop"
            " the server and launch again. If this does not help, the administrator has to add to"
            " jupyterhub_config.py: from launcher.jupyterhub import configure; configure(c, …)"
        )
    return OtherEnvironment(
        f"Your server {launch.server.name!r} was started without the launcher, so the project is"
        " not checked out there. Stop the server and launch again.",
        members={
            "running": None,
            "ways_out": [{"action": "restart", "detail": "Stop the server, and launch again."}],
        },
    )
