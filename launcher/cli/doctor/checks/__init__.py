"""The checks, one module each, in the order in which they are made and printed.

A check is a module with a NAME and a coroutine `check` that takes the site and returns a Result, or
raises Skip.
"""

from typing import Protocol

from launcher.cli.doctor.checks import (
    body_limit,
    certificates,
    clock,
    configuration,
    database,
    disk,
    git,
    hub,
    open_files,
    path,
    privileges,
    proxy,
    scopes,
    secret_file,
    token,
    users,
)
from launcher.cli.doctor.results import Result
from launcher.cli.doctor.site import Site


class CheckModule(Protocol):
    """A module in here."""

    NAME: str

    async def check(self, site: Site) -> Result:
        """What there is to say of the site."""


CHECKS: tuple[CheckModule, ...] = (
    configuration,
    hub,
    certificates,
    clock,
    token,
    scopes,
    privileges,
    users,
    proxy,
    path,
    body_limit,
    database,
    secret_file,
    disk,
    open_files,
    git,
)
