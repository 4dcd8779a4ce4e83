"""The certificates of the hub and its proxy, and the launcher's own."""

import asyncio
import ipaddress
import ssl
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cryptography import x509

from launcher import internal_ssl, outbound
from launcher.cli.doctor.results import Result, failed, lines, ok, skipped, warning
from launcher.cli.doctor.site import Site
from launcher.internal_ssl import CertificateFiles

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


async def check(site: Site) -> Result:
    """Whether each https address has a certificate that is trusted, and for long enough."""
    settings = site.settings
    addresses = (settings.public_url(), settings.hub_api_url, settings.proxy_url, site.public_url)
    urls = [urlsplit(address) for address in addresses if address]
    secure = {(url.hostname or "", url.port or 443) for url in urls if url.scheme == "https"}
    files = settings.certificates
    ends = {} if files is None else {files.certificate: _end_of_file(files.certificate)}
    for host, port in sorted(secure):
        try:
            ends[f"{host}:{port}"] = await _end(host, port, files)
        except ssl.SSLCertVerificationError as error:
            why = outbound.about_certificate(error)
            return failed(f"{host}:{port}: {why}.", _mend(host, port, site))
        except (OSError, TimeoutError) as error:
            return failed(f"{host}:{port}: no TLS connection can be made ({_words(error)}).")
    return _judge(ends) if ends else _without(urls[0])


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


async def _end(host: str, port: int, files: CertificateFiles | None) -> float:
    """When a host's certificate ends, in seconds since 1970.

    Raises SSLCertVerificationError, OSError, TimeoutError.
    """
    context = internal_ssl.client_context(files) if files else ssl.create_default_context()
    async with asyncio.timeout(SECONDS):
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        return ssl.cert_time_to_seconds(writer.get_extra_info("peercert")["notAfter"])
    finally:
        writer.close()


def _words(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or "no answer in time"
