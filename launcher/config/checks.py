"""Settings that cannot be run with, each told in a sentence that says what to do."""

import ipaddress
import re
from collections.abc import Collection
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from launcher.errors import ConfigError


class Settings(Protocol):
    """What is looked at; see launcher.config.Launcher."""

    jupyterhub_url: str
    hub_api_url: str
    proxy_url: str
    api_token: str
    base_path: str
    home_path: str
    allowed_origins: list[str]
    hub_failure_limit: int
    trusted_proxies: list[str]

    @property
    def metrics_folder(self) -> str:
        """Where processes keep what they count, or ''."""

    def told(self, *names: str) -> str:
        """The first of these variables of the environment that is set, or ''."""


def check(settings: Settings) -> None:
    """Raise ConfigError when the launcher cannot run with these settings."""
    _check_addresses(settings)
    _check_token(settings.api_token)
    name = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._~@%+-]+"
    if not re.fullmatch(rf"/?({name}/)*({name})?", settings.base_path):
        raise ConfigError("BASE_PATH must be a path such as /launcher.")
    names = settings.home_path.strip("/").split("/") if settings.home_path else []
    if not all(re.fullmatch(r"(?!\.)(?:[^{}\\\x00-\x1f]|\{username\})+", name) for name in names):
        raise ConfigError(
            "c.Launcher.home_path must be a path such as home/{username}, without names that are"
            " empty or begin with a dot; {username} is all that is replaced in it."
        )
    if settings.metrics_folder and not Path(settings.metrics_folder).is_dir():
        raise ConfigError("PROMETHEUS_MULTIPROC_DIR must name a directory that is there.")
    if settings.hub_failure_limit == 1:
        raise ConfigError(
            "c.Launcher.hub_failure_limit is 1: such a hub exits at the first start that fails, so"
            " that no start is safe. Set the hub's c.Spawner.consecutive_failure_limit to 5, or to"
            " 0 for none, and c.Launcher.hub_failure_limit to the same number."
        )
    for origin in settings.allowed_origins:
        _check_origin(origin)
    for proxy in settings.trusted_proxies:
        _check_proxy(proxy)


# settings of earlier versions, and what to write instead
_REPLACED = {
    "max_failed_starts": "Set c.Launcher.hub_failure_limit to the hub's own"
    " c.Spawner.consecutive_failure_limit instead, or leave both out where the hub has none.",
}


def check_names(names: Collection[str]) -> None:
    """Raise ConfigError when one of the settings in the file is none any more."""
    for name, advice in _REPLACED.items():
        if name in names:
            raise ConfigError(f"c.Launcher.{name} is not a setting any more. {advice}")


def _check_token(token: str) -> None:
    if not token:
        raise ConfigError(
            "The launcher has no token for the hub. Set JUPYTERHUB_TOKEN to the api_token that"
            " jupyterhub_config.py gives to the launcher's service."
        )
    if re.search(r"[^\x21-\x7e]", token):
        raise ConfigError("JUPYTERHUB_TOKEN holds a character that no token holds, or a space.")


def _check_origin(origin: str) -> None:
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?", origin):
        raise ConfigError(
            f"c.Launcher.allowed_origins holds {origin!r}; an origin is written in lower case and"
            " without a path, like https://portal.example.org."
        )


def _check_proxy(proxy: str) -> None:
    if proxy == "unix":
        return
    try:
        network = ipaddress.ip_network(proxy)
    except ValueError as error:
        raise ConfigError(
            f"c.Launcher.trusted_proxies holds {proxy!r}; a proxy is written as an address such as"
            " 10.1.2.3, a network such as 10.1.0.0/16, or unix."
        ) from error
    if network.version == 6 and network.network_address.ipv4_mapped:
        raise ConfigError(
            f"c.Launcher.trusted_proxies holds {proxy!r}; write an IPv4 address without ::ffff:."
        )


def _check_addresses(settings: Settings) -> None:
    _refuse_subdomains(settings)
    if not settings.jupyterhub_url:
        raise ConfigError(
            "The launcher does not know where people reach the hub. Set JUPYTERHUB_URL, for"
            " example to http://127.0.0.1:8000; when the hub runs the launcher, set"
            " c.JupyterHub.public_url in jupyterhub_config.py instead."
        )
    addresses = {"hub_api_url": settings.hub_api_url, "proxy_url": settings.proxy_url}
    if settings.jupyterhub_url.startswith("/"):
        if not settings.allowed_origins:
            raise ConfigError(
                "JUPYTERHUB_URL is a path, so c.Launcher.allowed_origins must list the origins"
                " that people reach the hub at, the usual one first."
            )
    else:
        addresses = {"jupyterhub_url": settings.jupyterhub_url, **addresses}
    for setting, url in addresses.items():
        _check_absolute(setting, url)


def _refuse_subdomains(settings: Settings) -> None:
    hub = settings.told("JUPYTERHUB_PUBLIC_HUB_URL", "JUPYTERHUB_HOST")
    # before 5.4.6 only the callback has the service's own host; without subdomains it is a path
    service = settings.told("JUPYTERHUB_PUBLIC_URL", "JUPYTERHUB_OAUTH_CALLBACK_URL")
    hosts = {host for url in (hub, service) if (host := urlsplit(url).netloc)}
    if len(hosts) > 1:
        raise ConfigError(
            "The hub gives every user a subdomain of their own (c.JupyterHub.subdomain_host)."
            " The launcher does not support that yet: run it beside a hub without subdomains."
        )


_SETTINGS_AS_PEOPLE_KNOW_THEM = {
    "jupyterhub_url": "JUPYTERHUB_URL",
    "hub_api_url": "JUPYTERHUB_API_URL (or c.Launcher.hub_api_url)",
    "proxy_url": "c.Launcher.proxy_url",
}


def _check_absolute(setting: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        usable = usable and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"{_SETTINGS_AS_PEOPLE_KNOW_THEM[setting]} must be an address such as"
            " http://127.0.0.1:8000, without a user name, query or fragment."
        )
