"""The hub's proxy, through which notebooks reach users' servers."""

from launcher.cli.doctor.results import Result, failed, lines, ok
from launcher.cli.doctor.site import Site
from launcher.outage import Outage
from launcher.readiness import ProxyCheck

NAME = "proxy"


async def check(site: Site) -> Result:
    """Whether the proxy answers."""
    address = site.settings.proxy_url
    found = await ProxyCheck(site.session, address, Outage("the proxy")).check()
    if found.ok:
        return ok(f"The hub's proxy answers at {address}.")
    return failed(
        f"{address} (c.Launcher.proxy_url): {found.detail}",
        lines("# launcher_config.py", 'c.Launcher.proxy_url = "http://127.0.0.1:8000"'),
    )
