"""The address at which people reach the launcher: does a request keep its path?"""

from urllib.parse import urlsplit

from launcher.cli.doctor.results import Result, Skip, failed, lines, ok
from launcher.cli.doctor.site import Page, Site

NAME = "path"


async def check(site: Site) -> Result:
    """Whether the launcher answers below its prefix, through the proxies in front of it."""
    if not site.public_url:
        return await _without_prefix(site)
    page = await site.public
    if page.from_launcher:
        return ok(f"The launcher answers at {site.public_url}.")
    if said := _launchers_words(page):
        return failed(f"{site.public_url}/health: {said}", _keep_path(site))
    if not (await site.local).from_launcher:
        raise Skip(
            f"The launcher does not run: it answers neither at {site.public_url} nor at"
            f" {site.local_url}."
        )
    return failed(
        f"The launcher answers at {site.local_url}, and not at {site.public_url}: {page.reason}.",
        _routes(site),
    )


async def _without_prefix(site: Site) -> Result:
    if not (await site.local).from_launcher:
        raise Skip(f"The launcher does not run: it does not answer at {site.local_url}.")
    return ok(
        f"The launcher answers at {site.local_url}. The public URL is not known:"
        " `launcher doctor --url ADDRESS` checks it."
    )


def _launchers_words(page: Page) -> str:
    """The launcher's problem about a path that a proxy changed, '' if it did not respond."""
    problem = page.body
    if not isinstance(problem, dict):
        return ""
    known = str(problem.get("type", "")).startswith("urn:problem-type:launcher:")
    return str(problem.get("detail", "")) if known else ""


def _keep_path(site: Site) -> str:
    if not site.settings.prefix:
        path = urlsplit(site.public_url).path
        return lines("# environment of the launcher", f"BASE_PATH={path}")
    return lines(
        f"# nginx, in location {site.settings.prefix}/ (without a path, not even a slash)",
        f"proxy_pass http://{site.settings.bind};",
    )


def _routes(site: Site) -> str:
    """The configuration of the hub's proxy, or of another one, that routes to the launcher."""
    name = site.settings.service_name
    if site.settings.prefix.endswith(f"/services/{name}"):
        return lines(
            "# jupyterhub_config.py, in the service of c.JupyterHub.services",
            f'"url": "http://{site.settings.bind}",',
        )
    return lines(
        "# nginx, in the server of that address",
        f"location {site.settings.prefix}/ {{ proxy_pass http://{site.settings.bind}; }}",
    )
