"""The client address of a request, from the connection and the headers of trusted proxies."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

IPAddress = IPv4Address | IPv6Address

UNIX = "unix"
"""In `c.Launcher.trusted_proxies`: every process that may open gunicorn's unix socket."""

# brackets, an IPv6 address, a zone and a port
MAX_LENGTH = 80
_ADDRESS = re.compile(
    r"(?P<four>[0-9.]+)(?::[0-9]+)?"
    r"|\[(?P<bracketed>[0-9a-f:.]+)(?:%[\w.-]+)?\](?::[0-9]+)?"
    r"|(?P<six>[0-9a-f:.]+)(?:%[\w.-]+)?",
    re.ASCII | re.IGNORECASE,
)
# IPv4 addresses behind a stateless translator (RFC 6052, RFC 7757)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class TrustedProxies:
    """The proxies whose X-Forwarded-For is trusted, and the number of its trusted entries."""

    hops: int
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    unix: bool

    @classmethod
    def of(cls, hops: int, trusted: Iterable[str]) -> "TrustedProxies":
        """The proxies in the settings: addresses, networks and `unix`."""
        names = tuple(trusted)
        networks = tuple(ipaddress.ip_network(name) for name in names if name != UNIX)
        return cls(hops, networks, UNIX in names)

    def include(self, address: IPAddress | None) -> bool:
        """Whether the address is a trusted proxy's; None is the peer of a unix socket."""
        if address is None:
            return self.unix
        return any(address in network for network in self.networks)


def client_address(peer: str, forwarded: str, proxies: TrustedProxies) -> str:
    """The client's IPv4 address or IPv6 /64, under which it is counted; '' for a unix socket.

    `peer` is the address of the connection, `forwarded` the header X-Forwarded-For. The last
    `proxies.hops` entries are trusted, each if a trusted proxy appended it.
    """
    address = _parse(peer)
    claims = forwarded.rsplit(",", proxies.hops)[-proxies.hops :] if proxies.hops else []
    for claim in reversed(claims):
        claimed = _parse(claim)
        if claimed is None or not proxies.include(address):
            break
        address = claimed
    return _counted(address) if address else ""


def is_misconfigured(peer: str, forwarded: str, proxies: TrustedProxies) -> bool:
    """Whether there is a header X-Forwarded-For that does not match the settings."""
    trusted = proxies.include(_parse(peer))
    return bool(forwarded) and trusted != (proxies.hops > 0)


def _parse(text: str) -> IPAddress | None:
    """Parse an address that may have brackets, a port or a zone; None if it is not valid.

    On a dual-stack socket, an IPv4 address is written as ::ffff:198.51.100.7.
    """
    match = _ADDRESS.fullmatch(text.strip(' \t"')) if len(text) <= MAX_LENGTH else None
    if match is None:
        return None
    try:
        address = ipaddress.ip_address(next(filter(None, match.groups())))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _counted(address: IPAddress) -> str:
    """The IPv4 address, or the /64 of an IPv6 address: a site has at least a /64."""
    if isinstance(address, IPv4Address):
        return str(address)
    if embedded := _embedded(address):
        return str(embedded)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The embedded IPv4 address of 6to4, Teredo or a translator, where many clients share a /64."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or (address.teredo[1] if address.teredo else None)
