"""This machine's clock, compared with the hub's."""

from email.utils import parsedate_to_datetime

from launcher.cli.doctor.results import Result, lines, ok, skipped, warning
from launcher.cli.doctor.site import Site

NAME = "clock"

# with a difference of 12 s, workers on other machines count as dead
MOST_SECONDS = 5.0


async def check(site: Site) -> Result:
    """Whether the clocks agree; the header Date has seconds (RFC 9110)."""
    root = await site.root
    try:
        theirs = parsedate_to_datetime(root.answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return skipped("The hub's answer has no date.")
    ahead = theirs - root.at
    if abs(ahead) <= MOST_SECONDS:
        return ok("The clocks of this machine and of the hub agree.")
    which = "behind" if ahead > 0 else "ahead of"
    return warning(
        f"The clock of this machine is {abs(ahead):.0f} s {which} the hub's. Tokens then end too"
        " early or too late, and launchers on several machines take over each other's launches.",
        lines("# on both machines", "timedatectl set-ntp true"),
    )
