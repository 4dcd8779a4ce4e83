"""Looks at the files of the launcher's own machine."""

import asyncio
import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from launcher import logs
from launcher.entrypoints import paths
from launcher.entrypoints.model import Expectation, HostReport, System, Validator
from launcher.entrypoints.validators import findings, permissions
from launcher.entrypoints.validators.findings import NotUsable, Roots

log = logging.getLogger("launcher.entrypoints.local")
log.addFilter(logs.OncePerMinute())

# a file system that hangs blocks these threads, and no others
THREADS = 4


class LocalValidator(Validator):
    """Looks whether a file exists, is below the roots, and may be executed by the user.

    For systems whose files this machine sees under the same paths. The user is looked up in this
    machine's accounts; only mode bits count, access control lists are ignored.
    """

    def __init__(self, *, roots: Any = ("/",), timeout: Any = 10.0) -> None:
        """`roots` are the directories in which environments may be; raises ConfigError."""
        self._roots = Roots(roots)
        self._seconds = findings.seconds(timeout)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="local-validator")

    async def check(self, user: str, system: System, expected: Expectation) -> HostReport:
        """Look at the path as that user."""
        return await findings.report("", expected.path, self._finding(user, expected))

    async def _finding(self, user: str, expected: Expectation) -> str:
        call = asyncio.get_running_loop().run_in_executor(
            self._threads, _look, user, self._roots.of(user), expected
        )
        try:
            return await asyncio.wait_for(call, self._seconds)
        except TimeoutError as error:
            raise NotUsable(
                f"The file system did not answer within {self._seconds:g} seconds; try again."
            ) from error
        except OSError as error:
            log.warning("a path cannot be looked at", extra={"reason": error.strerror})
            raise NotUsable(
                "The launcher cannot look at the path; an administrator finds the reason in its"
                " log."
            ) from error


def _look(user: str, roots: tuple[str, ...], expected: Expectation) -> str:
    """A sentence about the path; raises NotUsable, or OSError."""
    account = permissions.Account.find(user)
    if account is None:
        raise NotUsable(f"There is no user {user} on the launcher's machine.")
    resolved = tuple(filter(None, (_resolved(root) for root in roots)))
    if not paths.is_below(expected.path, roots + resolved):
        raise findings.outside(roots)
    try:
        place = permissions.resolve(account, expected.path)
    except permissions.OutOfReach as error:
        raise NotUsable(f"{expected.path} does not exist, or {user} cannot reach it.") from error
    if not paths.is_below(place.path, resolved):
        raise findings.led_outside(roots)
    if not expected.executable:
        return f"{expected.path} exists, and {user} can reach it."
    if not stat.S_ISREG(place.info.st_mode):
        raise NotUsable(f"{expected.path} is not a file.")
    if not account.may_execute(place.info):
        raise NotUsable(f"{expected.path} is not executable for {user}; chmod +x makes it so.")
    return f"{expected.path} exists, and {user} may execute it."


def _resolved(root: str) -> str:
    """The root without links; '' if it does not exist."""
    try:
        return permissions.resolve(permissions.ROOT, root).path
    except permissions.OutOfReach:
        return ""
