"""A validator that looks at files of the test's machine, whoever the user is."""

from pathlib import Path

from launcher.entrypoints.model import HostReport, Validator


class FilesOfTheTest(Validator):
    """Finds what exists; a system without a hostname is the launcher's host."""

    async def check(self, user, system, expected):
        """Whether the path is there."""
        found = Path(expected.path).exists()
        message = "It is there." if found else "It does not exist."
        return HostReport(system.hostname, expected.path, found, message)
