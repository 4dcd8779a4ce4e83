"""Where a request comes from, as far as trusted proxies vouch for it."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

UNIX = "unix"
"""In `c.Launcher.trusted_proxies`: whoever may open the unix socket that gunicorn listens on."""

# brackets, an IPv6 address, a zone and a port
LONGEST = 80
_WRITTEN = re.compile(
    r"(?P<four>[0-9.]+)(?::[0-9]+)?"
    r"|\[(?P<bracketed>[0-9a-f:.]+)(?:%[\w.-]+)?\](?::[0-9]+)?"
    r"|(?P<six>[0-9a-f:.]+)(?:%[\w.-]+)?",
    re.ASCII | re.IGNORECASE,
)
# IPv4 addresses behind a stateless translator (RFC 6052, RFC 7757)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Proxies:
    """Whose X-Forwarded-For is believed, and how many of its entries, counted from the right."""

    hops: int
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    unix: bool

    @classmethod
    def of(cls, hops: int, trusted: Iterable[str]) -> "Proxies":
        """Those that the settings name: addresses, networks and `unix`."""
        names = tuple(trusted)
        networks = tuple(ipaddress.ip_network(name) for name in names if name != UNIX)
        return cls(hops, networks, UNIX in names)

    def include(self, address: Address | None) -> bool:
        """Whether that is one of them; None is the other end of a unix socket."""
        if address is None:
            return self.unix
        return any(address in network for network in self.networks)


def client_address(peer: str, forwarded: str, proxies: Proxies) -> str:
    """What a request is counted under: an IPv4 address or an IPv6 /64, or '' for a unix socket.

    `peer` is the other end of the connection, `forwarded` the header X-Forwarded-For. An entry is
    believed when who appended it is a trusted proxy, and there are at most `proxies.hops` of them.
    """
    address = _parse(peer)
    claims = forwarded.rsplit(",", proxies.hops)[-proxies.hops :] if proxies.hops else []
    for claim in reversed(claims):
        claimed = _parse(claim)
        if claimed is None or not proxies.include(address):
            break
        address = claimed
    return _counted(address) if address else ""


def disbelieved(peer: str, forwarded: str, proxies: Proxies) -> bool:
    """Whether a header is there that looks like a proxy's, and the settings do not fit it."""
    trusted = proxies.include(_parse(peer))
    return bool(forwarded) and trusted != (proxies.hops > 0)


def _parse(text: str) -> Address | None:
    """An address as proxies write it: in brackets, with a port or a zone; None for anything else.

    On a socket for both protocols an IPv4 address comes as ::ffff:198.51.100.7.
    """
    match = _WRITTEN.fullmatch(text.strip(' \t"')) if len(text) <= LONGEST else None
    if match is None:
        return None
    try:
        address = ipaddress.ip_address(next(filter(None, match.groups())))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _counted(address: Address) -> str:
    """A customer has one IPv4 address, or at least an IPv6 /64."""
    if isinstance(address, IPv4Address):
        return str(address)
    if embedded := _embedded(address):
        return str(embedded)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address of a customer of 6to4, Teredo or a translator, many of whom share a /64."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or (address.teredo[1] if address.teredo else None)
