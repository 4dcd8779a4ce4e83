"""The certificates of the hub and its proxy."""

import asyncio
import ipaddress
import ssl
import time
from urllib.parse import SplitResult, urlsplit

from launcher import outbound
from launcher.cli.doctor.results import Result, failed, lines, ok, skipped, warning
from launcher.cli.doctor.site import Site

NAME = "certificates"

SOON_SECONDS = 14 * 86_400
SECONDS = 5.0
TRUST = lines(
    "# environment of the launcher, for a private authority",
    "SSL_CERT_FILE=/etc/launcher/authorities.pem",
)


async def check(site: Site) -> Result:
    """Whether each https address has a certificate that is trusted, and for long enough."""
    settings = site.settings
    addresses = (settings.public_url(), settings.hub_api_url, settings.proxy_url, site.public_url)
    urls = [urlsplit(address) for address in addresses if address]
    secure = {(url.hostname or "", url.port or 443) for url in urls if url.scheme == "https"}
    ends: dict[str, float] = {}
    for host, port in sorted(secure):
        try:
            ends[f"{host}:{port}"] = await _end(host, port)
        except ssl.SSLCertVerificationError as error:
            return failed(f"{host}:{port}: {outbound.about_certificate(error)}.", TRUST)
        except (OSError, TimeoutError) as error:
            return failed(f"{host}:{port}: no TLS connection can be made ({_words(error)}).")
    return _judge(ends) if ends else _without(urls[0])


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


async def _end(host: str, port: int) -> float:
    """When a host's certificate ends, in seconds since 1970.

    Raises SSLCertVerificationError, OSError, TimeoutError.
    """
    context = ssl.create_default_context()
    async with asyncio.timeout(SECONDS):
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        return ssl.cert_time_to_seconds(writer.get_extra_info("peercert")["notAfter"])
    finally:
        writer.close()


def _words(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or "no answer in time"
