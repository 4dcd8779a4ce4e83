"""Checks the settings; each error says what to do."""

import ipaddress
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from launcher import internal_ssl
from launcher.config import projects, reactions
from launcher.errors import ConfigError
from launcher.internal_ssl import CertificateFiles


class Settings(Protocol):
    """The settings that are checked; see launcher.config.Launcher."""

    jupyterhub_url: str
    hub_api_url: str
    proxy_url: str
    api_token: str
    base_path: str
    home_path: str
    allowed_origins: list[str]
    hub_failure_limit: int
    trusted_proxies: list[str]
    systems: list[dict[str, Any]]
    git_hosts: list[dict[str, Any]]
    hook_token: str
    server_facing_url: str
    projects_folder: str
    internal_ssl_key: str
    internal_ssl_cert: str
    internal_ssl_ca: str
    on_event: Any
    webhooks: Any

    @property
    def program_path(self) -> str:
        """The folders in which programs are looked for."""

    @property
    def certificates(self) -> CertificateFiles | None:
        """The launcher's certificate for a hub with internal_ssl."""

    @property
    def serves_tls(self) -> bool:
        """Whether the launcher serves with that certificate."""

    @property
    def metrics_folder(self) -> str:
        """The folder of the workers' metrics, or ''."""

    def variable(self, *names: str) -> str:
        """The value of the first of these environment variables that is set, or ''."""


def check(settings: Settings) -> None:
    """Raise ConfigError if the launcher cannot run with these settings."""
    _check_addresses(settings)
    _check_token(settings.api_token)
    name = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._~@%+-]+"
    if not re.fullmatch(rf"/?({name}/)*({name})?", settings.base_path):
        raise ConfigError("BASE_PATH must be a path such as /launcher.")
    names = settings.home_path.strip("/").split("/") if settings.home_path else []
    if not all(re.fullmatch(r"(?!\.)(?:[^{}\\\x00-\x1f]|\{username\})+", name) for name in names):
        raise ConfigError(
            "c.Launcher.home_path must be a path such as home/{username}, without names that are"
            " empty or begin with a dot; only {username} is replaced in it."
        )
    if settings.metrics_folder and not Path(settings.metrics_folder).is_dir():
        raise ConfigError("PROMETHEUS_MULTIPROC_DIR must be an existing directory.")
    if settings.hub_failure_limit == 1:
        raise ConfigError(
            "c.Launcher.hub_failure_limit is 1: such a hub exits at the first start that fails."
            " Set the hub's c.Spawner.consecutive_failure_limit to 5, or to 0 for no limit, and"
            " c.Launcher.hub_failure_limit to the same number."
        )
    for origin in settings.allowed_origins:
        _check_origin(origin)
    _check_environments(settings)
    projects.check_folder(settings.projects_folder)
    _check_internal_ssl(settings)
    reactions.check_on_event(settings.on_event, settings.program_path)
    reactions.check_webhooks(settings.webhooks)
    for proxy in settings.trusted_proxies:
        _check_proxy(proxy)


# removed settings, and their replacements
_REPLACED = {
    "max_failed_starts": "Set c.Launcher.hub_failure_limit to the hub's own"
    " c.Spawner.consecutive_failure_limit instead, or leave out both if the hub has no limit.",
}


def check_names(names: Collection[str]) -> None:
    """Raise ConfigError if one of the settings in the file was removed."""
    for name, advice in _REPLACED.items():
        if name in names:
            raise ConfigError(f"The setting c.Launcher.{name} was removed. {advice}")


def _check_token(token: str) -> None:
    if not token:
        raise ConfigError(
            "The launcher has no token for the hub. Set JUPYTERHUB_TOKEN to the api_token of the"
            " launcher's service in jupyterhub_config.py."
        )
    if re.search(r"[^\x21-\x7e]", token):
        raise ConfigError("JUPYTERHUB_TOKEN contains a character that tokens do not have.")


def _check_origin(origin: str) -> None:
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:]+\](:\d+)?", origin):
        raise ConfigError(
            f"c.Launcher.allowed_origins contains {origin!r}; write an origin in lower case and"
            " without a path, such as https://portal.example.org."
        )


def _check_proxy(proxy: str) -> None:
    if proxy == "unix":
        return
    try:
        network = ipaddress.ip_network(proxy)
    except ValueError as error:
        raise ConfigError(
            f"c.Launcher.trusted_proxies contains {proxy!r}; write an address such as 10.1.2.3, a"
            " network such as 10.1.0.0/16, or unix."
        ) from error
    if network.version == 6 and network.network_address.ipv4_mapped:
        raise ConfigError(
            f"c.Launcher.trusted_proxies contains {proxy!r}; write IPv4 addresses without ::ffff:."
        )


def _check_addresses(settings: Settings) -> None:
    _refuse_subdomains(settings)
    if not settings.jupyterhub_url:
        raise ConfigError(
            "The launcher does not know the public URL of the hub. Set JUPYTERHUB_URL, for"
            " example to http://127.0.0.1:8000; if the hub runs the launcher, set"
            " c.JupyterHub.public_url in jupyterhub_config.py instead."
        )
    addresses = {"hub_api_url": settings.hub_api_url, "proxy_url": settings.proxy_url}
    if settings.jupyterhub_url.startswith("/"):
        if not settings.allowed_origins:
            raise ConfigError(
                "JUPYTERHUB_URL is a path, so c.Launcher.allowed_origins must list the public"
                " origins of the hub, the usual one first."
            )
    else:
        addresses = {"jupyterhub_url": settings.jupyterhub_url, **addresses}
    for setting, url in addresses.items():
        _check_absolute(setting, url)


def _refuse_subdomains(settings: Settings) -> None:
    hub = settings.variable("JUPYTERHUB_PUBLIC_HUB_URL", "JUPYTERHUB_HOST")
    # before JupyterHub 5.4.6, only the OAuth callback has the service's own host; without
    # subdomains it is a path
    service = settings.variable("JUPYTERHUB_PUBLIC_URL", "JUPYTERHUB_OAUTH_CALLBACK_URL")
    hosts = {host for url in (hub, service) if (host := urlsplit(url).netloc)}
    if len(hosts) > 1:
        raise ConfigError(
            "The hub gives every user their own subdomain (c.JupyterHub.subdomain_host). The"
            " launcher does not support that yet: use it with a hub without subdomains."
        )


_PUBLIC_NAMES = {
    "jupyterhub_url": "JUPYTERHUB_URL",
    "hub_api_url": "JUPYTERHUB_API_URL (or c.Launcher.hub_api_url)",
    "proxy_url": "c.Launcher.proxy_url",
}


def is_http_url(url: str) -> bool:
    """Whether the URL has the scheme http or https, a host and a valid port."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_base(url: str) -> bool:
    if not is_http_url(url):
        return False
    parts = urlsplit(url)
    return not (parts.username or parts.query or parts.fragment)


def _check_absolute(setting: str, url: str) -> None:
    if not _is_base(url):
        raise ConfigError(
            f"{_PUBLIC_NAMES[setting]} must be an address such as http://127.0.0.1:8000, without a"
            " user name, query or fragment."
        )


def _check_environments(settings: Settings) -> None:
    if settings.hook_token and not re.fullmatch(r"[\x21-\x7e]{16,1024}", settings.hook_token):
        raise ConfigError(
            "LAUNCHER_HOOK_TOKEN must have 16 visible ASCII characters or more, such as the output"
            " of openssl rand -hex 24."
        )
    for name in ("systems", "git_hosts"):
        if getattr(settings, name) and not settings.hook_token:
            raise _without_hook(name)
    if settings.server_facing_url and urlsplit(settings.server_facing_url).scheme not in (
        "http",
        "https",
    ):
        raise ConfigError(
            "c.Launcher.server_facing_url must be the launcher's URL for users' servers, such as"
            " https://hub.example.org/services/launcher."
        )


def _without_hook(name: str) -> ConfigError:
    return ConfigError(
        f"c.Launcher.{name} needs the hub's spawn hook: call launcher.jupyterhub.configure(c,"
        " system=…) in jupyterhub_config.py, and set LAUNCHER_HOOK_TOKEN to the same secret in"
        " the environment of the hub and of the launcher, if the hub does not start it."
    )


def _check_internal_ssl(settings: Settings) -> None:
    key, certificate = settings.internal_ssl_key, settings.internal_ssl_cert
    if bool(key) != bool(certificate) or (settings.internal_ssl_ca and not certificate):
        raise ConfigError(
            "A certificate for a hub with internal_ssl has a key, too: set both"
            " JUPYTERHUB_SSL_KEYFILE (c.Launcher.internal_ssl_key) and JUPYTERHUB_SSL_CERTFILE"
            " (c.Launcher.internal_ssl_cert), and JUPYTERHUB_SSL_CLIENT_CA"
            " (c.Launcher.internal_ssl_ca) to the hub's authorities."
        )
    if settings.certificates is None:
        return
    for path in filter(None, (key, certificate, settings.internal_ssl_ca)):
        _check_readable(path)
    try:
        internal_ssl.client_context(settings.certificates)
    except OSError as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise ConfigError(
            f"The files of internal_ssl cannot be used ({reason}): JUPYTERHUB_SSL_KEYFILE must be"
            " the key of JUPYTERHUB_SSL_CERTFILE, and JUPYTERHUB_SSL_CLIENT_CA a file of"
            " certificates, all in PEM format."
        ) from error
    if settings.serves_tls and not settings.internal_ssl_ca:
        raise ConfigError(
            "JUPYTERHUB_SERVICE_URL begins with https, so only the hub and its proxy may connect."
            " Set JUPYTERHUB_SSL_CLIENT_CA (c.Launcher.internal_ssl_ca) to the authorities of"
            " their certificates, notebooks-ca_trust.crt."
        )


def _check_readable(path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). c.Launcher.internal_ssl_key,"
            " internal_ssl_cert and internal_ssl_ca (JUPYTERHUB_SSL_KEYFILE, …) name files that the"
            " launcher's account can read."
        ) from error
