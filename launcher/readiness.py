"""Checks whether launches can succeed: the database, the hub, the launcher's token and its scopes.

The checks run in the background; a request for the report does not start any.
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
# after a check that failed
RECHECK_SECONDS = 3.0
PROXY_SECONDS = 5.0
# if the last report is older, the checks hang
STALE_SECONDS = 30.0

# the scopes that the launcher's requests need (JupyterHub's document "Scopes"), and the scope of a
# role that includes each of them
NEEDED = {
    "start:servers": "servers",
    "read:servers": "servers",
    "tokens": "tokens",
}
HARMLESS = frozenset(
    {"servers", "start:servers", "read:servers", "delete:servers", "tokens", "read:tokens"}
    | {"read:users:name", "access:services", "read:services", "read:services:name"}
    | {"list:services", "read:groups", "read:groups:name", "list:groups"}
)
UNFILTERED = (
    "The scope tokens has no filter: with the launcher's token, a token of any user can be"
    " requested, administrators included."
)
_FILTER_IT = (
    "Give the service tokens!group=<a group of those who"
    " launch> instead (JupyterHub 5.5.3 and later support it); see jupyterhub_config.py.example."
)


@dataclass(frozen=True)
class Check:
    """The result of one check, with a sentence about it."""

    name: str
    ok: bool
    detail: str = ""


NOT_YET = [Check("start", False, "The first check has not finished yet.")]


@dataclass(frozen=True)
class ProxyCheck:
    """Checks the hub's proxy, through which users' servers are reached."""

    session: outbound.Session
    url: str
    outage: Outage

    async def check(self) -> Check:
        """Whether the proxy responds, with any status but a redirect."""
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
        return outbound.about_redirect(answer)


class Readiness:
    """Runs the checks periodically, and reports their last results."""

    def __init__(
        self,
        hub: Hub,
        store: Store,
        *,
        worker_id: str,
        strict_scopes: bool,
        mints_tokens: bool = True,
        warned: mmap,
        outage: Outage,
        hub_restarted: Callable[[float], Awaitable[None]] | None = None,
        static: tuple[Check, ...] = (),
        proxy: "ProxyCheck | None" = None,
    ) -> None:
        """`worker_id` is this worker's id in the database.

        `hub_restarted` is called after a restart of the hub, with a time (seconds since 1970) at
        which connections to it were refused: the hub's own count of failures then starts again.
        `static` holds results that do not change, to be reported with the others. `warned` is a
        byte that all workers share, so that one of them logs the warning. `outage` is that of the
        launcher's token. `proxy` is None if the hub's API is reached through the proxy.
        """
        self._hub = hub
        self._store = store
        self._worker_id = worker_id
        self._strict = strict_scopes
        self._mints_tokens = mints_tokens
        self._warned = warned
        self._outage = outage
        self._proxy = proxy
        self._hub_restarted = hub_restarted
        self._hub_was_down_at: float | None = None
        self._static = static
        self._may_launch = False
        self._checks = NOT_YET
        self._checked_at = time.monotonic()
        self._refusal: tuple[float, HubRefused] | None = None
        self._single_flight: SingleFlight[str] = SingleFlight()

    async def run(self) -> None:
        """Run the checks until cancelled."""
        while True:
            await self._check()
            ok = all(check.ok for check in self._checks)
            await asyncio.sleep(CHECK_SECONDS if ok else RECHECK_SECONDS)

    def report(self) -> list[Check]:
        """The results of the last checks."""
        age = time.monotonic() - self._checked_at
        if age > STALE_SECONDS:
            late = Check("checks", False, f"The last check was {age:.0f} s ago.")
            return [*self._checks, *self._static, late]
        return [*self._checks, *self._static]

    async def require(self) -> None:
        """Raise HubRefused or HubUnavailable, unless the last check accepted the launcher's token.

        An outage of the hub after that check is no error: servers that run do not need the hub.
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
                self._hub_was_down_at = time.time()
            return [Check("hub", False, error.detail), Check("token", False, "not checked")]
        self._outage.succeeded()
        await self._report_restart()
        return [Check("hub", True), Check("token", True, remark)]

    async def _report_restart(self) -> None:
        if self._hub_restarted and self._hub_was_down_at:
            with suppress(StoreUnavailable):
                await self._hub_restarted(self._hub_was_down_at)
                self._hub_was_down_at = None

    async def _check_token(self) -> str:
        """Check the launcher's token; returns a remark about its scopes, or ''.

        Raises HubRefused, HubUnavailable.
        """
        try:
            scopes = (await users.identify_launcher(self._hub)).scopes
            remark = self._check_scopes(scopes)
            if self._mints_tokens and "tokens" not in scopes:
                await self._require_filters()
        except HubRefused as error:
            self._may_launch = False
            self._refusal = (time.monotonic(), error)
            raise
        self._may_launch, self._refusal = True, None
        return remark

    async def _require_filters(self) -> None:
        """Raise HubRefused if the hub does not support a filter of the scope tokens."""
        known = await version(self._hub)
        if known and known < FILTERS_TOKENS:
            raise HubRefused(
                f"JupyterHub {'.'.join(map(str, known))} issues no token to a service whose scope"
                " tokens has a filter; 5.5.3 and later do. Update JupyterHub, or give the"
                " launcher's service the scope tokens without a filter;"
                " see jupyterhub_config.py.example."
            )

    def _check_scopes(self, scopes: frozenset[str]) -> str:
        if missing := missing_scopes(scopes, mints_tokens=self._mints_tokens):
            role = "servers and tokens" if self._mints_tokens else "servers"
            raise HubRefused(
                f"The launcher's token lacks the scope {' and '.join(missing)}. Give its service a"
                f" role with {role}; see jupyterhub_config.py.example."
            )
        if extra := extra_scopes(scopes):
            self._warn_of(extra)
        return f"{UNFILTERED} {_FILTER_IT}" if "tokens" in scopes else ""

    def _warn_of(self, extra: list[str]) -> None:
        advice = (
            "The launcher's token has scopes that the launcher does not need"
            f" ({', '.join(extra[:5])}{', …' if len(extra) > 5 else ''}). Give its service a role"
            " with only the scopes servers and tokens; see jupyterhub_config.py.example."
        )
        if self._strict:
            raise HubRefused(advice)
        if not self._warned[0]:
            self._warned[0] = 1
            log.warning(advice)


def missing_scopes(scopes: frozenset[str], *, mints_tokens: bool = True) -> list[str]:
    """What a role of the launcher's service must hold beside these scopes.

    With the spawn hook, which hands the servers' own tokens over, it need not mint tokens.
    """
    missing = {NEEDED[name] for name in NEEDED.keys() - _expanded(_names(scopes))}
    return sorted(missing if mints_tokens else missing - {"tokens"})


def extra_scopes(scopes: frozenset[str]) -> list[str]:
    """The names of scopes that allow more than the launcher needs."""
    extra = _names(scopes) - HARMLESS
    return sorted(name for name in extra if not name.startswith("custom:launcher:"))


def _names(scopes: frozenset[str]) -> set[str]:
    return {scope.split("!")[0] for scope in scopes}


def _expanded(names: set[str]) -> set[str]:
    # JupyterHub before 6 has no scope start:servers; `servers` always includes it
    return names | ({"start:servers", "read:servers"} if "servers" in names else set())
