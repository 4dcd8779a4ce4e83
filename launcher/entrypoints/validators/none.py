"""No validation."""

from launcher.entrypoints.model import Expectation, HostReport, System, Validator


class NoValidator(Validator):
    """Accepts everything, and says that nothing was looked at."""

    async def check(self, user: str, system: System, expected: Expectation) -> HostReport:
        """A report that accepts the path."""
        return HostReport(
            host=system.hostname,
            subject=expected.path,
            result=True,
            message="Nothing was looked at: this site does not validate environments.",
        )
