"""What the types have in common whose environments are at a path."""

import asyncio

from launcher.entrypoints import paths
from launcher.entrypoints.model import (
    EntrypointType,
    Expectation,
    HostReport,
    Report,
    System,
    Validator,
)


class PathType(EntrypointType):
    """An environment at an absolute path, which is `path` in its data."""

    def problem(self, field: str, text: str) -> str:
        """Why the path is refused."""
        return paths.problem(text) if field == "path" else ""


async def check_all(
    user: str, system: System, validator: Validator, *expected: Expectation
) -> list[HostReport]:
    """What the validator finds for each expectation, in their order."""
    return await asyncio.gather(*(validator.check(user, system, each) for each in expected))


def report_of(found: list[HostReport], *, advice: str = "") -> Report:
    """The report for what was found; its message is that of the first failure, then the advice."""
    failed = [each for each in found if not each.result]
    message = (failed or found)[0].message
    return Report(not failed, f"{message} {advice}".rstrip(), tuple(found))
