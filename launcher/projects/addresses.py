"""The IP addresses of git hosts: private ones are refused, unless an administrator allows them."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from launcher import git_failures
from launcher.errors import GitHostUntrusted
from launcher.projects.model import GitHost

SECONDS = 10.0
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a name and port; raises OSError."""


async def look_up(name: str, port: int) -> list[str]:
    """The addresses of a name, from the system's resolver; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_literal(name: str) -> bool:
    """Whether a host name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public Internet, whichever way it is written."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if embedded := _embedded(address):
            return is_public(str(embedded))
        return address.is_global and address in _UNICAST
    # IANA's registry calls some multicast addresses global
    return address.is_global and not address.is_multicast


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to this address may reach."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo


class AddressRefused(OSError):
    """A name has an address that the launcher must not connect to."""


class Addresses:
    """Looks up the addresses of git hosts, anew for each use: their names may be re-bound."""

    def __init__(
        self, hosts: Iterable[GitHost], lookup: Lookup = look_up, *, private: Iterable[str] = ()
    ) -> None:
        """`private` has further names that may have addresses of private networks."""
        self._lookup = lookup
        self._private = {
            name
            for host in hosts
            if host.allow_private
            for name in (host.hostname, urlsplit(host.provider.api_url).hostname)
        } | set(private)

    async def of_host(self, host: GitHost) -> tuple[str, ...]:
        """The addresses that git may connect to; empty if any will do.

        Raises GitHostUntrusted, and GitHostUnavailable if there is none.
        """
        if host.allow_private or is_literal(host.hostname):
            return ()
        try:
            async with asyncio.timeout(SECONDS):
                return tuple(await self.of_name(host.hostname, host.port))
        except AddressRefused as error:
            raise refused(host.display_name) from error
        except (UnicodeError, OSError) as error:  # among them TimeoutError
            raise git_failures.unavailable(
                host.display_name, "has a name that cannot be resolved"
            ) from error

    async def of_name(self, name: str, port: int) -> list[str]:
        """The addresses of a name; raises OSError, which AddressRefused is."""
        found = await self._lookup(name, port)
        if name not in self._private and not all(map(is_public, found)):
            raise AddressRefused("the name has an address of a private network")
        if not found:
            raise OSError("the name has no address")
        return found


def refused(display_name: str) -> GitHostUntrusted:
    """The error for a host with a private address."""
    return GitHostUntrusted(
        f"{display_name} has an address of a private network, which the launcher does not connect"
        " to. If that is right, an administrator sets allow_private in c.Launcher.git_hosts."
    )


class CheckedResolver(AbstractResolver):
    """Resolves names for aiohttp, with the same checks at the moment of each connection."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name; raises OSError."""
        found = await self._addresses.of_name(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for each in found
        ]

    async def close(self) -> None:
        """Release nothing: there is no connection to a name server."""
