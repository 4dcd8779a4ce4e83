"""The settings of the launcher (`c.Launcher.…`), and the only reader of the environment."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from traitlets import Bool, Integer, List, TraitError, Unicode, default, validate
from traitlets.config import Application
from traitlets.config.loader import PyFileConfigLoader

import launcher
from launcher.config import checks
from launcher.config.environments import EnvironmentSettings
from launcher.config.internal_ssl import InternalSSLSettings
from launcher.config.limits import LimitSettings
from launcher.config.projects import ProjectSettings
from launcher.config.workshops import WorkshopSettings
from launcher.errors import ConfigError

CONFIG_FILE = "launcher_config.py"


class Launcher(
    LimitSettings,
    EnvironmentSettings,
    ProjectSettings,
    WorkshopSettings,
    InternalSSLSettings,
    Application,
):
    """Opens experiments in the servers of a JupyterHub's users."""

    name = "launcher"
    description = __doc__ or ""
    version = launcher.__version__

    jupyterhub_url = Unicode(
        help="""The URL at which people reach the hub, such as `https://hub.example.org` or
        `http://127.0.0.1:8000/jupyter`. May be a path such as `/jupyter`, if hub_api_url, proxy_url
        and allowed_origins are set. Default: `JUPYTERHUB_URL`, else `JUPYTERHUB_PUBLIC_HUB_URL`,
        which the hub sets if it has c.JupyterHub.public_url."""
    ).tag(config=True)
    hub_api_url = Unicode(
        help="""The URL of the hub's REST API. Default: `JUPYTERHUB_API_URL`, else `hub/api` below
        jupyterhub_url."""
    ).tag(config=True)
    proxy_url = Unicode(
        help="""The URL at which the launcher reaches the users' servers, through the hub's proxy.
        Default: jupyterhub_url."""
    ).tag(config=True)
    api_token = Unicode(
        help="""The token of the launcher's service. Default: `JUPYTERHUB_API_TOKEN`, else
        `JUPYTERHUB_TOKEN`."""
    ).tag(config=True)
    home_path = Unicode(
        help="""The path of a user's home below the root of the user's server, if the root is not
        the home: `home/{username}` with `c.Spawner.notebook_dir = "/"`. It has to exist. Default:
        the root is the home."""
    ).tag(config=True)
    service_name = Unicode(
        help="""The name of the launcher's service on the hub. Users' tokens need the scope
        `access:services!service=` with this name. Default: `JUPYTERHUB_SERVICE_NAME`, else
        `launcher`."""
    ).tag(config=True)
    oauth_client_id = Unicode(
        help="""The launcher as an OAuth client of the hub, with which people sign in to its pages.
        Default: `JUPYTERHUB_CLIENT_ID`, else `service-` and the service's name, as the hub calls
        it."""
    ).tag(config=True)
    oauth_redirect_uri = Unicode(
        help="""Where the hub sends people back to after the sign-in; the same as the service's
        `oauth_redirect_uri` in jupyterhub_config.py. Default: `JUPYTERHUB_OAUTH_CALLBACK_URL`,
        else `oauth_callback` below base_path, on the hub's own host. A launcher on another host or
        port needs the whole URL."""
    ).tag(config=True)
    base_path = Unicode(
        help="""The path below which the launcher answers. Default: `BASE_PATH`, else
        `JUPYTERHUB_SERVICE_PREFIX`, else `/`."""
    ).tag(config=True)
    database_url = Unicode(
        help="""The SQLAlchemy URL of the launcher's database, such as
        `postgresql://launcher@host/launcher`. Default: `LAUNCHER_DATABASE_URL`, else
        `launcher.sqlite` in the working directory."""
    ).tag(config=True)
    secret_file = Unicode(
        help="""The file of the launcher's own secret. It is created, readable only by its owner,
        if it does not exist. Default: `launcher_secret` beside an SQLite database, else in the
        working directory."""
    ).tag(config=True)
    experiment_paths = List(
        Unicode(),
        help="""Directories with the site's experiments. Each contains one folder for each
        experiment.""",
    ).tag(config=True)
    notebook_provenance = Bool(
        True,
        help="""Put a line at the top of each notebook: which experiment and parameters made it,
        with a link to change them.""",
    ).tag(config=True)
    allowed_origins = List(
        Unicode(),
        help="""Origins, such as `https://portal.example.org`, whose pages may call the launcher
        (CORS).""",
    ).tag(config=True)
    strict_scopes = Bool(
        False,
        help="""Require exact scopes: refuse to launch (503) if the service's token has more scopes
        than the launcher needs, and require from users with a password the scope that users with a
        token need. The scope `tokens` without a filter is still accepted; `/ready` explains how to
        narrow it.""",
    ).tag(config=True)
    trusted_hops = Integer(
        min=0,
        help="""Number of proxies in front of the launcher that append to `X-Forwarded-For`.
        Default: 1 if the hub manages the launcher, else 0.""",
    ).tag(config=True)
    trusted_proxies = List(
        Unicode(),
        ["127.0.0.0/8", "::1"],
        help="""Addresses and networks of these proxies. The header is ignored from others. `unix`
        is the peer of a unix socket that gunicorn listens on. With the default, the header of
        every process on the launcher's own machine is trusted.""",
    ).tag(config=True)

    def __init__(self, environ: Mapping[str, str] | None = None, **settings: Any) -> None:
        """Read defaults from `environ`, which defaults to `os.environ`."""
        self._environ = os.environ if environ is None else environ
        super().__init__(**settings)

    @classmethod
    def settings(cls) -> dict[str, Any]:
        """The traits that can be configured, by name, without those of traitlets' own log."""
        traits = cls.class_traits(config=True)
        inherited = Application.class_traits(config=True)
        return {name: trait for name, trait in traits.items() if name not in inherited}

    @default("jupyterhub_url")
    def _jupyterhub_url(self) -> str:
        if url := self._environ.get("JUPYTERHUB_URL"):
            return url
        if public := self._environ.get("JUPYTERHUB_PUBLIC_HUB_URL"):
            return re.sub(r"/hub/?$", "", public)
        # JupyterHub before 5.4.6 passes c.JupyterHub.public_url to services in two parts
        host = self._environ.get("JUPYTERHUB_HOST")
        return host + self._environ.get("JUPYTERHUB_BASE_URL", "/").rstrip("/") if host else ""

    @validate("jupyterhub_url", "hub_api_url", "proxy_url")
    def _quote(self, proposal: Any) -> str:
        # the hub's base URL may contain a space
        return quote(proposal["value"], safe="%:/?#[]@!$&'()*+,;=~")

    @default("hub_api_url")
    def _hub_api_url(self) -> str:
        return (
            self._environ.get("JUPYTERHUB_API_URL") or self.jupyterhub_url.rstrip("/") + "/hub/api"
        )

    @default("proxy_url")
    def _proxy_url(self) -> str:
        return self.jupyterhub_url

    @default("api_token")
    def _api_token(self) -> str:
        return self._environ.get("JUPYTERHUB_API_TOKEN") or self._environ.get(
            "JUPYTERHUB_TOKEN", ""
        )

    @default("service_name")
    def _service_name(self) -> str:
        return self._environ.get("JUPYTERHUB_SERVICE_NAME") or "launcher"

    @default("oauth_client_id")
    def _oauth_client_id(self) -> str:
        return self._environ.get("JUPYTERHUB_CLIENT_ID") or f"service-{self.service_name}"

    @default("oauth_redirect_uri")
    def _oauth_redirect_uri(self) -> str:
        return self._environ.get("JUPYTERHUB_OAUTH_CALLBACK_URL") or f"{self.prefix}/oauth_callback"

    @default("base_path")
    def _base_path(self) -> str:
        return self._environ.get("BASE_PATH") or self._environ.get("JUPYTERHUB_SERVICE_PREFIX", "/")

    @default("database_url")
    def _database_url(self) -> str:
        return self._environ.get("LAUNCHER_DATABASE_URL") or "sqlite:///launcher.sqlite"

    @default("secret_file")
    def _secret_file(self) -> str:
        kind, _, path = self.database_url.partition(":///")
        folder = Path(path).parent if kind.startswith("sqlite") else Path()
        return str(folder / "launcher_secret")

    @default("hook_token")
    def _hook_token(self) -> str:
        return self._environ.get("LAUNCHER_HOOK_TOKEN", "")

    @default("server_facing_url")
    def _server_facing_url(self) -> str:
        return self.own_url

    @default("trusted_hops")
    def _trusted_hops(self) -> int:
        return 1 if self._environ.get("JUPYTERHUB_SERVICE_PREFIX") else 0

    @property
    def prefix(self) -> str:
        """The base path without its last slash: '' or '/services/launcher'."""
        path = self.base_path.strip("/")
        return f"/{path}" if path else ""

    @property
    def reaches_hub_by_proxy(self) -> bool:
        """Whether requests to the hub's API go through the hub's proxy."""
        hub, proxy = urlsplit(self.hub_api_url), urlsplit(self.proxy_url)
        return hub.netloc == proxy.netloc

    @property
    def bind(self) -> str:
        """The host:port on which the hub expects a managed service to listen, else a default."""
        return urlsplit(self._environ.get("JUPYTERHUB_SERVICE_URL", "")).netloc or "127.0.0.1:8888"

    @property
    def metrics_folder(self) -> str:
        """The folder of the workers' metrics (PROMETHEUS_MULTIPROC_DIR), or ''."""
        return self._environ.get("PROMETHEUS_MULTIPROC_DIR", "")

    @property
    def program_path(self) -> str:
        """The folders in which programs are looked for (PATH)."""
        return self._environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin"

    @property
    def own_url(self) -> str:
        """The launcher's own URL for a browser, without a trailing slash; '' if it is not known."""
        for url in (self.oauth_redirect_uri, self.jupyterhub_url):
            parts = urlsplit(url)
            if parts.netloc:
                return f"{parts.scheme}://{parts.netloc}{self.prefix}"
        return ""

    @property
    def shares_cookies_with_hub(self) -> bool:
        """Whether browsers send the hub's cookies to the launcher too: they ignore the port."""
        own, hub = urlsplit(self.oauth_redirect_uri), urlsplit(self.jupyterhub_url)
        return not own.netloc or not hub.netloc or own.hostname == hub.hostname

    def public_url(self, origin: str | None = None) -> str:
        """The hub's URL for a browser whose page has that `origin`, without a trailing slash."""
        url = self.jupyterhub_url.rstrip("/")
        if not url.startswith("/") and url:
            return url
        known = origin if origin in self.allowed_origins else self.allowed_origins[0]
        return f"{known}{url}"

    def check(self) -> "Launcher":
        """Return the settings if they are valid; raises ConfigError."""
        checks.check(self)
        return self

    def variable(self, *names: str) -> str:
        """The value of the first of these environment variables that is set, or ''."""
        return next(filter(None, (self._environ.get(name) for name in names)), "")


def load(environ: Mapping[str, str] | None = None) -> Launcher:
    """Load the settings from the configuration file and the environment; raises ConfigError."""
    return read(environ).check()


def read(environ: Mapping[str, str] | None = None) -> Launcher:
    """Load the settings without checking that the launcher can run with them; raises ConfigError.

    The file is LAUNCHER_CONFIG, else launcher_config.py in the working directory if it exists.
    """
    settings = Launcher(environ)
    named = settings._environ.get("LAUNCHER_CONFIG")
    path = Path(named or CONFIG_FILE).resolve()
    if path.is_file():
        _read(settings, path)
    elif named:
        raise ConfigError(f"LAUNCHER_CONFIG names {named}, which is not a file.")
    return settings


# the configuration file is Python code, which may raise any of these
_ERRORS = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TraitError,
    TypeError,
    ValueError,
)


def _read(settings: Launcher, path: Path) -> None:
    try:
        found = PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
        settings.update_config(found)
    except _ERRORS as error:
        raise ConfigError(
            f"{path.name} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    checks.check_names(found.get("Launcher", {}))
