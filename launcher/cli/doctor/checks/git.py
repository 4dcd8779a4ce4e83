"""What projects need of this machine and of the git hosts."""

import asyncio
from typing import Any

from launcher import outbound
from launcher.cli.doctor.results import Result, failed, ok, skipped
from launcher.cli.doctor.site import Site
from launcher.errors import ConfigError, GitHostUnavailable
from launcher.git import Git
from launcher.outbound import OutboundError
from launcher.projects.model import GitHost

NAME = "git"

SECONDS = 10.0
KIND = "git_host"
SERVER_ERROR = 500


async def check(site: Site) -> Result:
    """Whether git can be run, and whether each git host answers; all at the same time."""
    hosts = tuple(site.projects.hosts)
    if not hosts:
        return skipped("There are no git hosts (c.Launcher.git_hosts), so no projects.")
    found = await asyncio.gather(_program(), *(_host(site, host) for host in hosts))
    if reasons := list(filter(None, found)):
        return failed(" ".join(reasons))
    shown = ", ".join(host.url for host in hosts)
    return ok(f"git can be run, and each git host answers: {shown}.")


async def _program() -> str:
    """A sentence about git if it cannot be used, else ''."""
    try:
        await Git(seconds=SECONDS).check()
    except ConfigError as error:
        return str(error)
    except TimeoutError:
        return f"git did not print its version within {SECONDS:g} s."
    return ""


async def _host(site: Site, host: GitHost) -> str:
    """A sentence about a host that does not answer, else ''."""
    try:
        async with asyncio.timeout(SECONDS):
            await site.projects.addresses.of_host(host)
            status = await _status(site, host)
    except GitHostUnavailable as error:
        return f"{host.url}: {error.detail}"
    except OutboundError as error:
        # git does not read SSL_CERT_FILE, which the reason may name
        return f"{host.url} cannot be used: {str(error).partition(';')[0]}."
    except TimeoutError:
        return f"{host.url} cannot be used: it did not answer within {SECONDS:g} s."
    if status >= SERVER_ERROR:
        return f"{host.url} cannot be used: it answers with an error (HTTP {status})."
    return ""


async def _status(site: Site, host: GitHost) -> int:
    """The status of the host's first page, whose body is not read; raises OutboundError.

    It may be a redirect to the form for signing in, as on GitLab.
    """
    options: dict[str, Any] = {"ssl": host.tls} if host.tls else {}
    async with outbound.stream(
        site.to_git_hosts, "GET", f"{host.url}/", kind=KIND, total=SECONDS, **options
    ) as response:
        return response.status
