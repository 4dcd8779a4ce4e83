"""The certificates of the hub, its proxy and the git hosts, and the launcher's own."""

import asyncio
import ipaddress
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cryptography import x509

from launcher import internal_ssl, outbound
from launcher.cli.doctor.results import Outcome, Result, failed, lines, ok, skipped, warning
from launcher.cli.doctor.site import Site
from launcher.errors import GitHostUnavailable
from launcher.projects.model import GitHost

NAME = "certificates"

SOON_SECONDS = 14 * 86_400
SECONDS = 5.0
TRUST = lines(
    "# environment of the launcher, for a private authority",
    "SSL_CERT_FILE=/etc/launcher/authorities.pem",
)
OF_THE_HUB = lines(
    "# environment of the launcher, for a hub with c.JupyterHub.internal_ssl",
    "# (docs/internal_ssl.md says how the files are made)",
    "JUPYTERHUB_SSL_KEYFILE=/etc/launcher/launcher.key",
    "JUPYTERHUB_SSL_CERTFILE=/etc/launcher/launcher.crt",
    "JUPYTERHUB_SSL_CLIENT_CA=/etc/launcher/notebooks-ca_trust.crt",
)
OF_A_GIT_HOST = lines(
    "# launcher_config.py, in the host's entry of c.Launcher.git_hosts, for a private authority",
    '"ca_file": "/etc/launcher/authorities.pem",',
)


@dataclass(frozen=True)
class Endpoint:
    """A server whose certificate is checked."""

    host: str
    port: int
    context: ssl.SSLContext
    fix: str
    """The lines that let its certificate be trusted."""
    git_host: GitHost | None = None

    @property
    def address(self) -> str:
        """The host and port, as they are printed."""
        return f"{self.host}:{self.port}"

    def about(self, error: ssl.SSLCertVerificationError) -> str:
        """Why its certificate is refused."""
        why = outbound.about_certificate(error)
        # git does not read SSL_CERT_FILE
        return why.partition(";")[0] if self.git_host else why


async def check(site: Site) -> Result:
    """Whether each https address has a certificate that is trusted, and for long enough."""
    settings = site.settings
    addresses = (settings.public_url(), settings.hub_api_url, settings.proxy_url, site.public_url)
    urls = [urlsplit(address) for address in addresses if address]
    of_the_hub = _of_the_hub(site, urls)
    servers = [*of_the_hub, *map(_of_git, site.projects.hosts)]
    found = await asyncio.gather(*(_end_or_reason(site, server) for server in servers))
    if bad := [each for each in found if isinstance(each, Result)]:
        fixes = dict.fromkeys(each.fix for each in bad if each.fix)
        return failed(" ".join(each.detail for each in bad), "\n".join(fixes))
    ends = {
        server.address: end
        for server, end in zip(servers, found, strict=True)
        if not isinstance(end, Result)
    }
    if files := settings.certificates:
        ends[files.certificate] = _end_of_file(files.certificate)
    if not of_the_hub and not files:
        without = _without(urls[0])
        if without.status == Outcome.WARNING or not ends:
            return without
    return _judge(ends)


def _of_the_hub(site: Site, urls: Iterable[SplitResult]) -> list[Endpoint]:
    """The hub, its proxy and the launcher, as far as their addresses begin with https."""
    files = site.settings.certificates
    secure = {(url.hostname or "", url.port or 443) for url in urls if url.scheme == "https"}
    return [
        Endpoint(
            host,
            port,
            internal_ssl.client_context(files) if files else ssl.create_default_context(),
            _mend(host, port, site),
        )
        for host, port in sorted(secure)
    ]


def _of_git(host: GitHost) -> Endpoint:
    return Endpoint(
        host.hostname, host.port, host.tls or ssl.create_default_context(), OF_A_GIT_HOST, host
    )


async def _end_or_reason(site: Site, server: Endpoint) -> float | Result:
    """When the server's certificate ends, in seconds since 1970, or why it cannot be used."""
    try:
        async with asyncio.timeout(SECONDS):
            return await _end(site, server)
    except ssl.SSLCertVerificationError as error:
        return failed(f"{server.address}: {server.about(error)}.", server.fix)
    except GitHostUnavailable as error:
        return failed(f"{server.address}: {error.detail}")
    except (OSError, TimeoutError) as error:
        return failed(f"{server.address}: no TLS connection can be made ({_words(error)}).")


async def _end(site: Site, server: Endpoint) -> float:
    """When a certificate ends; raises OSError, GitHostUnavailable."""
    # the addresses of a git host are checked before a connection
    checked = await site.projects.addresses.of_host(server.git_host) if server.git_host else ()
    _, writer = await asyncio.open_connection(
        checked[0] if checked else server.host,
        server.port,
        ssl=server.context,
        server_hostname=server.host,
    )
    try:
        return ssl.cert_time_to_seconds(writer.get_extra_info("peercert")["notAfter"])
    finally:
        writer.close()


def _mend(host: str, port: int, site: Site) -> str:
    """The lines that let a host be trusted; the hub itself may have authorities of its own."""
    hub = urlsplit(site.settings.hub_api_url)
    is_hub = (hub.hostname, hub.port or 443) == (host, port)
    direct = is_hub and not site.settings.reaches_hub_by_proxy
    return OF_THE_HUB if direct and site.settings.certificates is None else TRUST


def _judge(ends: dict[str, float]) -> Result:
    first = min(ends, key=lambda host: ends[host])
    sentence = f"trusted until {time.strftime('%Y-%m-%d', time.gmtime(ends[first]))}"
    if ends[first] - time.time() <= SOON_SECONDS:
        return warning(f"The certificate of {first} is {sentence}. Renew it soon.")
    return ok(f"The certificate of {first} is {sentence}.")


def _without(public: SplitResult) -> Result:
    if _on_this_machine(public.hostname or ""):
        return skipped("No address begins with https.")
    return warning(
        f"The public URL of the hub is {public.scheme}://{public.netloc}, without TLS: passwords"
        " and tokens can be read on the way.",
        lines(
            "# jupyterhub_config.py",
            f'c.JupyterHub.public_url = "https://{public.hostname}"',
            "# and TLS in front: docs/install.md",
        ),
    )


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _end_of_file(path: str) -> float:
    """When the certificate in a file ends, in seconds since 1970; the settings were checked."""
    return x509.load_pem_x509_certificate(Path(path).read_bytes()).not_valid_after_utc.timestamp()


def _words(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or "no answer in time"
