"""Checks whether launches can succeed: the database, the hub, the launcher's token and its scopes.

The checks run in the background: whoever reads their report changes nothing and costs nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from mmap import mmap

from launcher import outbound, urls
from launcher.errors import HubRefused, LauncherError, StoreUnavailable
from launcher.hub import Hub, users
from launcher.hub.version import FILTERS_TOKENS, version
from launcher.outage import Outage
from launcher.outbound import OutboundError
from launcher.singleflight import SingleFlight
from launcher.store import Store, probe

log = logging.getLogger("launcher")

CHECK_SECONDS = 5.0
# while something is wrong
RECHECK_SECONDS = 3.0
PROXY_SECONDS = 5.0
# a report that old was not followed by another one: the checks hang
STALE_SECONDS = 30.0

# the scopes that the launcher's calls need (JupyterHub's document "Scopes"), and the scope of a
# role that holds them
NEEDED = {
    "start:servers": "servers",
    "read:servers": "servers",
    "tokens": "tokens",
}
HARMLESS = frozenset(
    {"servers", "start:servers", "read:servers", "delete:servers", "tokens", "read:tokens"}
    | {"read:users:name", "access:services", "read:services", "read:services:name"}
    | {"list:services"}
)
UNFILTERED = (
    "The scope tokens has no filter: whoever holds the launcher's token can make a token of any"
    " user, administrators included. Give the service tokens!group=<a group of those who launch>"
    " instead (JupyterHub 5.5.3 and later heed that); see jupyterhub_config.py.example."
)


@dataclass(frozen=True)
class Check:
    """One thing that has to be right, and a sentence about it."""

    name: str
    ok: bool
    detail: str = ""


NOT_YET = [Check("start", False, "The first check is not over yet.")]


@dataclass(frozen=True)
class Proxy:
    """The hub's proxy, through which notebooks reach users' servers."""

    session: outbound.Session
    url: str
    outage: Outage

    async def check(self) -> Check:
        """Whether it takes calls: an answer other than a redirect, whatever it says of the hub."""
        if not (reason := await self._reason()):
            self.outage.succeeded()
            return Check("proxy", True)
        self.outage.failed(reason)
        detail = f"Users' servers cannot be reached through the hub's proxy: {reason}."
        return Check("proxy", False, detail)

    async def _reason(self) -> str:
        url = urls.join(self.url, "hub", "health")
        try:
            answer = await outbound.fetch(
                self.session, "GET", url, kind="proxy.check", seconds=PROXY_SECONDS
            )
        except OutboundError as error:
            return str(error)
        if 300 <= answer.status < 400:
            return (
                f"it redirects ({answer.status}), which is not followed: its address is another"
                " one, such as https in place of http"
            )
        return ""


class Readiness:
    """Checks now and again, and reports what it found last."""

    def __init__(
        self,
        hub: Hub,
        store: Store,
        *,
        worker_id: str,
        strict_scopes: bool,
        warned: mmap,
        outage: Outage,
        hub_restarted: Callable[[float], Awaitable[None]] | None = None,
        found: tuple[Check, ...] = (),
        proxy: "Proxy | None" = None,
    ) -> None:
        """`worker_id` is the name of this process in the database.

        `hub_restarted` is called with a time (seconds since 1970) at which nobody listened at the
        hub's address, once somebody does again: a hub that restarts counts its failures anew.
        `found` is reported with the rest: what was seen at the start and does not change.
        `warned` is a byte that all workers share: one warning is enough for all of them. `outage`
        tells the log of the launcher's token; database and hub have their own. `proxy` is looked at
        where the hub's API is not reached through it.
        """
        self._hub = hub
        self._store = store
        self._worker_id = worker_id
        self._strict = strict_scopes
        self._warned = warned
        self._outage = outage
        self._proxy = proxy
        self._hub_restarted = hub_restarted
        self._nobody_listened_at: float | None = None
        self._found = found
        self._may_launch = False
        self._checks = NOT_YET
        self._checked_at = time.monotonic()
        self._refusal: tuple[float, HubRefused] | None = None
        self._single_flight: SingleFlight[str] = SingleFlight()

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await self._check()
            ok = all(check.ok for check in self._checks)
            await asyncio.sleep(CHECK_SECONDS if ok else RECHECK_SECONDS)

    def report(self) -> list[Check]:
        """What the last checks found."""
        age = time.monotonic() - self._checked_at
        if age > STALE_SECONDS:
            late = Check("checks", False, f"The last check was {age:.0f} s ago.")
            return [*self._checks, *self._found, late]
        return [*self._checks, *self._found]

    async def require(self) -> None:
        """Raise HubRefused or HubUnavailable, unless the launcher's token was seen to do.

        A hub that goes away later is no reason: servers that run need none.
        """
        if self._may_launch:
            return
        if self._refusal and time.monotonic() - self._refusal[0] < RECHECK_SECONDS:
            raise self._refusal[1]
        await self._single_flight.share("token", self._check_token)

    async def _check(self) -> None:
        checks = [await self._database(), *await self._hub_and_token()]
        if self._proxy:
            checks.append(await self._proxy.check())
        self._checks, self._checked_at = checks, time.monotonic()

    async def _database(self) -> Check:
        try:
            await self._store.run(probe.write, self._worker_id)
        except LauncherError as error:
            return Check("database", False, error.detail)
        return Check("database", True)

    async def _hub_and_token(self) -> list[Check]:
        try:
            remark = await self._single_flight.share("token", self._check_token)
        except HubRefused as error:
            self._outage.failed(error.detail)
            return [Check("hub", True), Check("token", False, error.detail)]
        except LauncherError as error:
            if isinstance(error.__cause__, OutboundError) and error.__cause__.refused:
                self._nobody_listened_at = time.time()
            return [Check("hub", False, error.detail), Check("token", False, "not checked")]
        self._outage.succeeded()
        await self._say_that_hub_restarted()
        return [Check("hub", True), Check("token", True, remark)]

    async def _say_that_hub_restarted(self) -> None:
        if self._hub_restarted and self._nobody_listened_at:
            with suppress(StoreUnavailable):
                await self._hub_restarted(self._nobody_listened_at)
                self._nobody_listened_at = None

    async def _check_token(self) -> str:
        """What there is to say about a token that does; raises HubRefused, HubUnavailable."""
        try:
            scopes = (await users.identify_launcher(self._hub)).scopes
            remark = self._judge(scopes)
            if "tokens" not in scopes:
                await self._require_filters()
        except HubRefused as error:
            self._may_launch = False
            self._refusal = (time.monotonic(), error)
            raise
        self._may_launch, self._refusal = True, None
        return remark

    async def _require_filters(self) -> None:
        """Raise HubRefused when the hub does not heed the filter of the scope tokens."""
        known = await version(self._hub)
        if known and known < FILTERS_TOKENS:
            raise HubRefused(
                f"JupyterHub {'.'.join(map(str, known))} lets a service make no token by a scope"
                " tokens with a filter; 5.5.3 and later do. Update JupyterHub, or give the"
                " launcher's service the scope tokens without a filter;"
                " see jupyterhub_config.py.example."
            )

    def _judge(self, scopes: frozenset[str]) -> str:
        if missing := missing_scopes(scopes):
            raise HubRefused(
                f"The launcher's token lacks the scope {' and '.join(missing)}. Give its service a"
                " role with servers and tokens; see jupyterhub_config.py.example."
            )
        if extra := extra_scopes(scopes):
            self._too_many(extra)
        return UNFILTERED if "tokens" in scopes else ""

    def _too_many(self, extra: list[str]) -> None:
        advice = (
            "The launcher's token may do more than the launcher needs"
            f" ({', '.join(extra[:5])}{', …' if len(extra) > 5 else ''}). Give its service a role"
            " with the scopes servers and tokens alone; see jupyterhub_config.py.example."
        )
        if self._strict:
            raise HubRefused(advice)
        if not self._warned[0]:
            self._warned[0] = 1
            log.warning(advice)


def missing_scopes(scopes: frozenset[str]) -> list[str]:
    """What a role of the launcher's service must hold beside these scopes."""
    return sorted({NEEDED[name] for name in NEEDED.keys() - _expanded(_names(scopes))})


def extra_scopes(scopes: frozenset[str]) -> list[str]:
    """The names of scopes that allow more than the launcher needs."""
    extra = _names(scopes) - HARMLESS
    return sorted(name for name in extra if not name.startswith("custom:launcher:"))


def _names(scopes: frozenset[str]) -> set[str]:
    return {scope.split("!")[0] for scope in scopes}


def _expanded(names: set[str]) -> set[str]:
    # hubs before 6 have no start:servers; `servers` held it all along
    return names | ({"start:servers", "read:servers"} if "servers" in names else set())
