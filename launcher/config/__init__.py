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
from launcher.errors import ConfigError

CONFIG_FILE = "launcher_config.py"


class Launcher(Application):
    """Opens experiments in the servers of a JupyterHub's users."""

    name = "launcher"
    description = __doc__ or ""
    version = launcher.__version__

    jupyterhub_url = Unicode(
        help="""The public URL of the hub, for example https://hub.example.org or
        http://127.0.0.1:8000/jupyter. A path such as /jupyter also works, with hub_api_url,
        proxy_url and allowed_origins set. Default: JUPYTERHUB_URL, else the hub's
        JUPYTERHUB_PUBLIC_HUB_URL, which it sets with c.JupyterHub.public_url."""
    ).tag(config=True)
    hub_api_url = Unicode(
        help="""The URL of the hub's REST API. Default: JUPYTERHUB_API_URL, else hub/api below
        jupyterhub_url."""
    ).tag(config=True)
    proxy_url = Unicode(
        help="""The URL of the hub's proxy, through which the launcher reaches users' servers.
        Default: jupyterhub_url."""
    ).tag(config=True)
    api_token = Unicode(
        help="""The token of the launcher's service. Default: JUPYTERHUB_API_TOKEN, else
        JUPYTERHUB_TOKEN."""
    ).tag(config=True)
    home_path = Unicode(
        help="""The path of a user's home below the root of their server, if the root is not the
        home: "home/{username}" with c.Spawner.notebook_dir = "/". The directories of launches are
        created in it; it has to exist. Default: the root is the home."""
    ).tag(config=True)
    service_name = Unicode(
        help="""The name of the launcher's service at the hub: a token must have the scope
        access:services!service=<this>. Default: JUPYTERHUB_SERVICE_NAME, else launcher."""
    ).tag(config=True)
    base_path = Unicode(
        help="""The prefix of the launcher's paths. Default: BASE_PATH, else
        JUPYTERHUB_SERVICE_PREFIX, else /."""
    ).tag(config=True)
    database_url = Unicode(
        help="""SQLAlchemy URL of the launcher's database. Default: LAUNCHER_DATABASE_URL, else
        launcher.sqlite in the working directory."""
    ).tag(config=True)
    secret_file = Unicode(
        help="""File with the launcher's own secret; created with mode 600 if it does not exist.
        Default: launcher_secret in the folder of an SQLite database, else in the working
        directory."""
    ).tag(config=True)
    experiment_paths = List(
        Unicode(), help="Folders with a site's own experiments; each experiment is a subfolder."
    ).tag(config=True)
    allowed_origins = List(
        Unicode(),
        help="""Origins, such as https://portal.example.org, whose pages may call the launcher
        (CORS). None by default.""",
    ).tag(config=True)
    strict_scopes = Bool(
        False,
        help="""Refuse to launch (503) if the service's token has scopes that the launcher does not
        need, and require the same scope of users with a password as of users with a token. The
        scope tokens without a filter is still accepted; /ready says how to filter it.""",
    ).tag(config=True)
    start_timeout = Integer(
        300, min=1, help="Maximum seconds from the request to start a server until it is ready."
    ).tag(config=True)
    wait_timeout = Integer(
        300,
        min=0,
        help="""Maximum seconds that a request waits for the end of its launch; then the response
        is 202, and the launch continues.""",
    ).tag(config=True)
    max_starts = Integer(
        20,
        min=1,
        help="""Maximum number of concurrent starts. The launcher lowers its limit when the hub
        responds that it is busy. If servers do not run on the hub's machine, the hub's own
        concurrent_spawn_limit (100) is a good value.""",
    ).tag(config=True)
    hub_failure_limit = Integer(
        0,
        min=0,
        help="""The hub's own c.Spawner.consecutive_failure_limit: the number of failed starts in a
        row at which the hub exits. 0, as at the hub, means no limit; the Kubernetes charts have 5.
        Failures in a row and starts in flight together stay below it until a start succeeds.""",
    ).tag(config=True)
    start_cooldown = Integer(
        10,
        min=0,
        help="""Seconds that a user has to wait after a failed start; doubled with each failure in
        a row, up to ten minutes. 0: no wait.""",
    ).tag(config=True)
    breaker_seconds = Integer(
        60,
        min=0,
        help="""Seconds for which no server is started after the starts of three users failed in a
        row; then one start is tried. Doubled each time that it fails, up to 1.5 times this value,
        or ten times with hub_failure_limit. 0: the breaker never opens, and only hub_failure_limit
        stops starts.""",
    ).tag(config=True)
    max_launches_per_user = Integer(
        100, min=1, help="Maximum number of one user's launches under way; others get 429."
    ).tag(config=True)
    max_launches_per_minute = Integer(
        300,
        min=1,
        help="Maximum number of launches that one user begins within a minute; others get 429.",
    ).tag(config=True)
    upload_timeout = Integer(
        120,
        min=5,
        help="""Maximum seconds of the upload to a user's server that runs; then the launch fails
        as server-unresponsive.""",
    ).tag(config=True)
    max_queued = Integer(
        1000, min=1, help="Maximum number of servers in the queue; further launches get 429."
    ).tag(config=True)
    queue_timeout = Integer(
        1800, min=1, help="Maximum seconds that a launch waits in the queue."
    ).tag(config=True)
    max_streams_per_user = Integer(
        20,
        min=1,
        help="Maximum number of open event streams of a user in one worker; others get 429.",
    ).tag(config=True)
    launch_retention_days = Integer(
        30, min=1, help="Days for which ended launches are kept in the database."
    ).tag(config=True)
    hub_patience = Integer(
        60, min=0, help="Maximum seconds that a launch waits for a hub that is down or restarts."
    ).tag(config=True)
    identity_seconds = Integer(
        60, min=0, max=300, help="Seconds for which a valid token or password is cached."
    ).tag(config=True)
    max_failed_logins = Integer(
        10, min=1, help="Maximum wrong passwords per user name, client address and minute."
    ).tag(config=True)
    max_failed_logins_per_address = Integer(
        100,
        min=1,
        help="""Maximum wrong passwords per client address and minute, for all names. A classroom
        may share one address.""",
    ).tag(config=True)
    max_unknown_tokens_per_address = Integer(
        300, min=1, help="Maximum unknown tokens per client address and minute."
    ).tag(config=True)
    trusted_hops = Integer(
        min=0,
        help="""Number of proxies in front of the launcher that append to X-Forwarded-For. Default:
        1 if the hub manages the launcher, else 0.""",
    ).tag(config=True)
    trusted_proxies = List(
        Unicode(),
        ["127.0.0.0/8", "::1"],
        help="""Addresses and networks of these proxies; from other addresses the header is
        ignored. `unix` means every process that may open gunicorn's unix socket. With the default,
        every process on the launcher's own machine is trusted.""",
    ).tag(config=True)

    def __init__(self, environ: Mapping[str, str] | None = None, **settings: Any) -> None:
        """Read defaults from `environ`, which defaults to `os.environ`."""
        self._environ = os.environ if environ is None else environ
        super().__init__(**settings)

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
    """Load the settings from the configuration file and the environment; raises ConfigError.

    The file is LAUNCHER_CONFIG, else launcher_config.py in the working directory if it exists.
    """
    settings = Launcher(environ)
    named = settings._environ.get("LAUNCHER_CONFIG")
    path = Path(named or CONFIG_FILE).resolve()
    if path.is_file():
        _read(settings, path)
    elif named:
        raise ConfigError(f"LAUNCHER_CONFIG names {named}, which is not a file.")
    return settings.check()


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
