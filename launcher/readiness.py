"""STORY: can launches succeed? Database, hub, and the launcher's own token with its scopes."""

import logging
import time
from dataclasses import dataclass
from mmap import mmap

import sqlalchemy as sa

from launcher.errors import HubRefused, LauncherError
from launcher.flights import SingleFlight
from launcher.hub import Hub, users
from launcher.store import Store

log = logging.getLogger("launcher")

REPORT_SECONDS = 15.0

# what `servers` and `access:servers` expand to, and what every service holds of itself
NEEDED = {
    "access:servers": "access:servers",
    "start:servers": "servers",
    "read:servers": "servers",
}
HARMLESS = frozenset(
    {"servers", "start:servers", "read:servers", "delete:servers", "access:servers"}
    | {"read:users:name", "access:services", "read:services", "read:services:name"}
    | {"list:services"}
)


@dataclass(frozen=True)
class Check:
    """One thing that has to be right, and a sentence about it when it is not."""

    name: str
    ok: bool
    detail: str = ""


class Readiness:
    """Looks when first asked, and then every now and again."""

    def __init__(self, hub: Hub, store: Store, *, strict_scopes: bool, warned: mmap) -> None:
        """`warned` is a byte that all workers share: one warning is enough for all of them."""
        self._hub = hub
        self._store = store
        self._strict = strict_scopes
        self._warned = warned
        self._may_launch = False
        self._report: tuple[float, list[Check]] = (-REPORT_SECONDS, [])
        self._flights: SingleFlight[list[Check]] = SingleFlight()

    async def report(self) -> list[Check]:
        """The checks, at most 15 s old."""
        at, checks = self._report
        if time.monotonic() - at < REPORT_SECONDS:
            return checks
        return await self._flights.share("report", self._look)

    async def require(self) -> None:
        """Raise HubRefused or HubUnavailable, unless the token was once seen to do."""
        if not self._may_launch:
            await self._check_token()

    async def _look(self) -> list[Check]:
        checks = [await self._database(), *await self._hub_and_token()]
        self._report = (time.monotonic(), checks)
        return checks

    async def _database(self) -> Check:
        try:
            await self._store.run(lambda connection: connection.execute(sa.text("SELECT 1")).one())
        except LauncherError as error:
            return Check("database", False, error.detail)
        return Check("database", True)

    async def _hub_and_token(self) -> list[Check]:
        try:
            await self._check_token()
        except HubRefused as error:
            return [Check("hub", True), Check("token", False, error.detail)]
        except LauncherError as error:
            return [Check("hub", False, error.detail), Check("token", False, "not checked")]
        return [Check("hub", True), Check("token", True)]

    async def _check_token(self) -> None:
        self._may_launch = False
        identity = await users.identify_launcher(self._hub)
        names = {scope.split("!")[0] for scope in identity.scopes}
        missing = sorted({NEEDED[name] for name in NEEDED.keys() - _expanded(names)})
        if missing:
            raise HubRefused(f"The launcher's token lacks the scope {' and '.join(missing)}.")
        extra = sorted(n for n in names - HARMLESS if not n.startswith("custom:launcher:"))
        if extra:
            self._too_many(extra)
        self._may_launch = True

    def _too_many(self, extra: list[str]) -> None:
        advice = (
            "The launcher's token may do more than the launcher needs"
            f" ({', '.join(extra[:5])}{', …' if len(extra) > 5 else ''}). Give its service a role"
            " with the scopes servers and access:servers alone; see jupyterhub_config.py.example."
        )
        if self._strict:
            raise HubRefused(advice)
        if not self._warned[0]:
            self._warned[0] = 1
            log.warning(advice)


def _expanded(names: set[str]) -> set[str]:
    # hubs before 6 have no start:servers; `servers` held it all along
    return names | ({"start:servers", "read:servers"} if "servers" in names else set())
