"""Registries of images: those of the git hosts, and the administrator's list of the others.

Every mistake is a ConfigError whose sentence names the setting, such as
`c.Launcher.image_registries[0].url`.
"""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from launcher.errors import ConfigError, NotFound
from launcher.projects.hosts import GitHosts, origin_of, read_flag, read_origin, read_tls
from launcher.projects.model import GitHost

SETTING = "c.Launcher.image_registries"
KEYS = ("url", "ca_file", "allow_private", "token_service")


@dataclass(frozen=True)
class ImageRegistry:
    """A registry of images."""

    url: str
    """`https://` and the name in lower case, with the port unless it is 443."""
    token_services: frozenset[str]
    """The URLs of the hosts, beside its own, that give access to its images."""
    allow_private: bool = False
    """Whether it may have an address of a private network."""
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Host and port, as in the names of its images."""
        return self.url.removeprefix("https://")


class Registries:
    """The registries that the launcher asks for images."""

    def __init__(self, of_hosts: Iterable[ImageRegistry], chosen: Iterable[ImageRegistry]) -> None:
        """Those of the git hosts, and those from which users may choose an image."""
        self._of_hosts = {registry.url: registry for registry in of_hosts}
        self._chosen = {registry.url: registry for registry in chosen}

    @property
    def private_names(self) -> set[str]:
        """The names that may have addresses of private networks."""
        every = (*self._of_hosts.values(), *self._chosen.values())
        return {urlsplit(each.url).hostname or "" for each in every if each.allow_private}

    def of_host(self, host: GitHost) -> ImageRegistry | None:
        """The registry of a git host."""
        return self._of_hosts.get(host.registry)

    def find(self, name: str) -> ImageRegistry:
        """The registry with that host and port, if users may choose its images.

        The name is compared whole. Raises NotFound.
        """
        try:
            found = self._chosen.get(origin_of(urlsplit(f"https://{name}")))
        except ValueError:
            found = None
        if found:
            return found
        known = ", ".join(each.name for each in self._chosen.values())
        sentence = f"must be in one of the registries of this site: {known}" if known else _NONE
        raise NotFound(f"image {sentence}.", errors=[{"pointer": "/image", "detail": sentence}])


_NONE = "cannot be chosen: this site has no registry of images"


def read_registries(value: Any, hosts: GitHosts) -> Registries:
    """The registries of `c.Launcher.image_registries` and of the hosts; raises ConfigError."""
    of_hosts = {host.registry: _of_host(host, hosts) for host in hosts if host.registry}
    if value is None:
        return Registries(of_hosts.values(), of_hosts.values())
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{SETTING} must be a list of addresses and dictionaries.")
    chosen: dict[str, ImageRegistry] = {}
    for index, entry in enumerate(value):
        registry = _read(entry, f"{SETTING}[{index}]", of_hosts)
        if registry.url in chosen:
            raise ConfigError(f"{SETTING}[{index}] is {registry.url}, which another entry has.")
        chosen[registry.url] = registry
    return Registries(of_hosts.values(), chosen.values())


def _of_host(host: GitHost, hosts: GitHosts) -> ImageRegistry:
    return ImageRegistry(
        url=host.registry,
        token_services=frozenset(each.url for each in hosts if each.registry == host.registry),
        allow_private=host.allow_private,
        tls=host.tls,
    )


def _read(entry: Any, at: str, of_hosts: Mapping[str, ImageRegistry]) -> ImageRegistry:
    if isinstance(entry, str):
        named = next((each for each in of_hosts.values() if each.url == entry.rstrip("/")), None)
        if named:
            return named
        entry, at_url = {"url": entry}, at
    else:
        at_url = f"{at}.url"
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{at} must be an address, or a dictionary with the keys {_known()}.")
    for key in entry:
        if key not in KEYS:
            raise ConfigError(f"{at} has the unknown key {key!r}; known are {_known()}.")
    return _registry(entry, at, at_url, of_hosts)


def _registry(
    entry: Mapping[str, Any], at: str, at_url: str, of_hosts: Mapping[str, ImageRegistry]
) -> ImageRegistry:
    allow_private = read_flag(entry.get("allow_private", False), f"{at}.allow_private")
    url = read_origin(entry.get("url"), at_url, allow_private=allow_private)
    if url in of_hosts:
        if len(entry) > 1:
            raise ConfigError(
                f"{at_url} is the registry of a git host; its other keys belong to the entry in"
                " c.Launcher.git_hosts."
            )
        return of_hosts[url]
    ca_file = entry.get("ca_file", "")
    if not isinstance(ca_file, str):
        raise ConfigError(f"{at}.ca_file must be text.")
    service = entry.get("token_service", url)
    return ImageRegistry(
        url=url,
        token_services=frozenset(
            [read_origin(service, f"{at}.token_service", allow_private=allow_private)]
        ),
        allow_private=allow_private,
        tls=read_tls(ca_file, f"{at}.ca_file"),
    )


def _known() -> str:
    return ", ".join(KEYS)
