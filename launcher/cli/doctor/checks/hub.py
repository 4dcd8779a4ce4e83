"""The hub: its address and its version."""

from urllib.parse import urlsplit

from launcher.cli.doctor.results import Result, failed, lines, ok, warning
from launcher.cli.doctor.site import HubAway, Site
from launcher.config import Launcher
from launcher.hub.version import OLDEST

NAME = "hub"

# the oldest of each line without known security holes, and the first version that is not known here
SAFE = {5: (5, 5, 1), 6: (6, 1, 1)}
UNKNOWN = (7, 0, 0)


async def check(site: Site) -> Result:
    """Whether the hub's API answers, and whether the launcher knows its version."""
    address = site.settings.hub_api_url
    try:
        version = await site.version
    except HubAway as away:
        return failed(f"{address} cannot be used: {away.reason}.", _move(site.settings, away))
    if version is None:
        return failed(f"{address} answers, but not as a JupyterHub: its response has no version.")
    return _judge(version, f"JupyterHub {'.'.join(map(str, version))} at {address}")


def _judge(version: tuple[int, int, int], found: str) -> Result:
    if version < OLDEST:
        return failed(f"{found} is too old: the launcher needs 5.2 or later.", _update(6))
    if version >= UNKNOWN:
        return warning(f"{found} is newer than the launcher was tested with (before 7).")
    if version < SAFE[version[0]]:
        safe = ".".join(map(str, SAFE[version[0]]))
        return warning(
            f"{found} has known security holes, which are fixed in {safe}.", _update(version[0])
        )
    return ok(f"{found}.")


def _update(major: int) -> str:
    safe = ".".join(map(str, SAFE[major]))
    return lines(
        "# where the hub is installed",
        f"pip install --upgrade 'jupyterhub>={safe},<{major + 1}'",
    )


def _move(settings: Launcher, away: HubAway) -> str:
    """The address with the base URL that the hub itself uses."""
    parts = urlsplit(settings.hub_api_url)
    if away.base_path is None or parts.path == f"{away.base_path}/hub/api":
        return ""
    origin = f"{parts.scheme}://{parts.netloc}"
    if settings.hub_api_url == f"{settings.jupyterhub_url.rstrip('/')}/hub/api":
        return lines("# environment of the launcher", f"JUPYTERHUB_URL={origin}{away.base_path}")
    address = f"{origin}{away.base_path}/hub/api"
    return lines("# environment of the launcher", f"JUPYTERHUB_API_URL={address}")
