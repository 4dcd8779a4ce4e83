"""Reads the administrator's list of git hosts, and finds the host of a URL.

Every mistake is a ConfigError whose sentence names the setting, such as
`c.Launcher.git_hosts[0].url`.
"""

import inspect
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from launcher.errors import BadRequest, ConfigError
from launcher.projects import addresses, image_names, provider_classes
from launcher.projects.model import Access, GitHost, Provider

SETTING = "c.Launcher.git_hosts"
KEYS = (
    "url",
    "provider",
    "display_name",
    "min_access",
    "ca_file",
    "allow_private",
    "registry",
    "image",
)
MAX_DISPLAY_NAME = 200

_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
# the last label of a name is no number: some programs take 0x7f.1 or 2130706433 for an address
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?!0x|[0-9]+\Z){_LABEL}", re.ASCII)
_ORIGIN = 'must be an address such as "https://gitlab.example.org", without a path or a user'


class GitHosts:
    """The git hosts that projects may be on, in the administrator's order."""

    def __init__(self, hosts: Iterable[GitHost] = ()) -> None:
        self._hosts = tuple(hosts)
        self._by_url = {host.url: host for host in self._hosts}

    def __iter__(self) -> Iterator[GitHost]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)

    @property
    def first(self) -> GitHost:
        """The host of projects that are named without one; raises BadRequest if there is none."""
        if not self._hosts:
            raise BadRequest("This site has no git host, so no project can be started.")
        return self._hosts[0]

    def find(self, url: str, pointer: str = "/repository") -> GitHost:
        """The host whose scheme, name and port a URL has; raises BadRequest."""
        try:
            host = self._by_url.get(origin_of(urlsplit(url)))
        except ValueError:
            host = None
        if host:
            return host
        known = ", ".join(each.url for each in self._hosts) or "none"
        field = pointer.rpartition("/")[2]
        sentence = f"must be on one of the git hosts of this site: {known}"
        raise BadRequest(f"{field} {sentence}.", errors=[{"pointer": pointer, "detail": sentence}])


def read_git_hosts(value: Any) -> GitHosts:
    """The hosts of `c.Launcher.git_hosts`; raises ConfigError."""
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{SETTING} must be a list of dictionaries.")
    found: dict[str, GitHost] = {}
    for index, entry in enumerate(value):
        at = f"{SETTING}[{index}]"
        if not isinstance(entry, Mapping) or not all(isinstance(key, str) for key in entry):
            raise ConfigError(
                f'{at} must be a dictionary, such as {{"url": "https://gitlab.com",'
                ' "provider": "gitlab"}.'
            )
        host = _host(entry, at)
        if host.url in found:
            raise ConfigError(f"{at}.url is {host.url}, which another entry has; remove one.")
        found[host.url] = host
    return GitHosts(found.values())


def origin_of(parts: SplitResult) -> str:
    """Scheme, name and port, in one way to write them; raises ValueError."""
    name = (parts.hostname or "").lower()
    shown = f"[{name}]" if ":" in name else name
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return f"{parts.scheme.lower()}://{shown}{port}"


def _host(entry: Mapping[str, Any], at: str) -> GitHost:
    allow_private = read_flag(entry.get("allow_private", False), f"{at}.allow_private")
    url = read_origin(entry.get("url"), f"{at}.url", allow_private=allow_private)
    provider = _provider(entry, url, at)
    ca_file = _text(entry.get("ca_file", ""), f"{at}.ca_file")
    registry = entry.get("registry", "")
    if registry != "":
        registry = read_origin(registry, f"{at}.registry", allow_private=allow_private)
    return GitHost(
        url=url,
        provider=provider,
        provider_name=provider_classes.name_of(entry.get("provider")),
        display_name=_display_name(entry.get("display_name", urlsplit(url).netloc), at),
        min_access=_min_access(entry.get("min_access", Access.READER), provider, at),
        ca_file=ca_file,
        allow_private=allow_private,
        registry=registry,
        image=image_names.read_pattern(entry.get("image", GitHost.image), f"{at}.image"),
        tls=read_tls(ca_file, f"{at}.ca_file"),
    )


def read_origin(value: Any, at: str, *, allow_private: bool) -> str:
    """The address of a host, as it is compared; raises ConfigError that begins with `at`."""
    try:
        if not isinstance(value, str) or re.search(r"[\s\\]|[^ -~]", value):
            raise ValueError
        parts = urlsplit(value)
        name = (parts.hostname or "").lower()
        extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
        if extra or not (addresses.is_literal(name) or _HOSTNAME.fullmatch(name)):
            raise ValueError
        origin = origin_of(parts)
    except ValueError as error:
        raise ConfigError(f"{at} {_ORIGIN}.") from error
    if parts.scheme.lower() != "https":
        raise ConfigError(f"{at} must begin with https://, which keeps access tokens secret.")
    if addresses.is_literal(name) and not allow_private and not addresses.is_public(name):
        raise ConfigError(
            f"{at} has an address of a private network; set allow_private to True if the launcher"
            " may connect to it."
        )
    return origin


def _provider(entry: Mapping[str, Any], url: str, at: str) -> Provider:
    found = provider_classes.find(entry.get("provider"), f"{at}.provider")
    own = {key: value for key, value in entry.items() if key not in KEYS}
    try:
        inspect.signature(found).bind(url=url, **own)
    except TypeError as error:
        unknown = sorted(own) or ["provider"]
        raise ConfigError(
            f"{at}.{unknown[0]} cannot be used by {found.__name__}: {error}. Known keys are"
            f" {', '.join(KEYS)}."
        ) from error
    try:
        return found(url=url, **own)
    except ConfigError as error:
        raise ConfigError(f"{at}.{error}") from error


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{at} must be text.")
    return value


def _display_name(value: Any, at: str) -> str:
    is_text = isinstance(value, str) and value.strip() and value.isprintable()
    if not is_text or len(value) > MAX_DISPLAY_NAME:
        raise ConfigError(
            f"{at}.display_name must be text of 1 to {MAX_DISPLAY_NAME} characters in one line."
        )
    return str(value)


def _min_access(value: Any, provider: Provider, at: str) -> Access:
    if value not in tuple(Access):
        raise ConfigError(f"{at}.min_access must be one of {', '.join(Access)}.")
    if value == Access.DEVELOPER and not provider.has_api:
        raise ConfigError(
            f"{at}.min_access must be reader: {type(provider).__name__} cannot tell who is a"
            " developer of a project."
        )
    return Access(value)


def read_flag(value: Any, at: str) -> bool:
    """True or False; raises ConfigError that begins with `at`."""
    if not isinstance(value, bool):
        raise ConfigError(f"{at} must be True or False.")
    return value


def read_tls(ca_file: str, at: str) -> ssl.SSLContext | None:
    """TLS that trusts the authorities in a file; None for those of the system.

    Raises ConfigError that begins with `at`.
    """
    if not ca_file:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:  # among them ssl.SSLError
        raise ConfigError(
            f"{at} must be a readable file with certificates in PEM format: {ca_file}."
        ) from error
