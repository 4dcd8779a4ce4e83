"""What the validators have in common: allowed roots, and findings as reports."""

from collections.abc import Awaitable
from typing import Any

from launcher.entrypoints import paths
from launcher.entrypoints.model import HostReport
from launcher.errors import ConfigError

MAX_ROOTS = 20
MAX_SECONDS = 60.0
USER = "{username}"


class NotUsable(Exception):
    """A path cannot be used; the text is a sentence for the user."""


async def report(host: str, subject: str, finding: Awaitable[str]) -> HostReport:
    """The report for a sentence about a path, or for the NotUsable that is raised in its place."""
    try:
        return HostReport(host, subject, True, await finding)
    except NotUsable as refusal:
        return HostReport(host, subject, False, str(refusal))


class Roots:
    """The directories in which environments may be."""

    def __init__(self, directories: Any) -> None:
        """`{username}` in a directory stands for the user. Raises ConfigError."""
        is_list = isinstance(directories, list | tuple) and 0 < len(directories) <= MAX_ROOTS
        if not is_list or not all(_is_root(each) for each in directories):
            raise ConfigError(
                f"roots must be a list of 1 to {MAX_ROOTS} absolute paths, such as"
                ' ["/opt/envs", "/home/{username}"].'
            )
        self._directories = tuple(directories)

    def of(self, user: str) -> tuple[str, ...]:
        """The directories for that user."""
        is_name = "/" not in user and user not in ("", ".", "..")
        return tuple(
            each.replace(USER, user) for each in self._directories if is_name or USER not in each
        )


def _is_root(directory: Any) -> bool:
    if not isinstance(directory, str):
        return False
    return directory == "/" or not paths.problem(directory.replace(USER, "user"))


def outside(roots: tuple[str, ...]) -> NotUsable:
    """The refusal of a path that is not below the roots."""
    allowed = ", ".join(roots) or "no directory"
    return NotUsable(f"The path is outside of what this site allows: {allowed}.")


def led_outside(roots: tuple[str, ...]) -> NotUsable:
    """The refusal of a path that a symbolic link leads out of the roots."""
    allowed = ", ".join(roots)
    return NotUsable(
        f"A symbolic link in the path leads outside of what this site allows: {allowed}."
    )


def seconds(timeout: Any) -> float:
    """A timeout of the configuration; raises ConfigError."""
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not is_number or not 0 < timeout <= MAX_SECONDS:
        raise ConfigError(f"timeout must be a number of seconds, at most {MAX_SECONDS:g}.")
    return float(timeout)
