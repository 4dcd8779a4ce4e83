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
        help="""Where people reach the hub, for example https://hub.example.org or
        http://127.0.0.1:8000/jupyter. A path such as /jupyter also works, with hub_api_url,
        proxy_url and allowed_origins set. Default: JUPYTERHUB_URL, else what the hub says in
        JUPYTERHUB_PUBLIC_HUB_URL when c.JupyterHub.public_url is set."""
    ).tag(config=True)
    hub_api_url = Unicode(
        help="""Where the hub's REST API is. Default: JUPYTERHUB_API_URL, else hub/api below
        jupyterhub_url."""
    ).tag(config=True)
    proxy_url = Unicode(
        help="""Where the launcher reaches the users' servers through the hub's proxy.
        Default: jupyterhub_url."""
    ).tag(config=True)
    api_token = Unicode(
        help="""The token of the launcher's service. Default: JUPYTERHUB_API_TOKEN, else
        JUPYTERHUB_TOKEN."""
    ).tag(config=True)
    home_path = Unicode(
        help="""The path of a user's home below the root of their server, where the root is not the
        home: "home/{username}" with c.Spawner.notebook_dir = "/". Directories of launches are below
        it, and it is not made. Default: the root is the home."""
    ).tag(config=True)
    service_name = Unicode(
        help="""The name of the launcher's service on the hub: a token must hold the scope
        access:services!service=<this>. Default: JUPYTERHUB_SERVICE_NAME, else launcher."""
    ).tag(config=True)
    base_path = Unicode(
        help="""The path below which the launcher answers. Default: BASE_PATH, else
        JUPYTERHUB_SERVICE_PREFIX, else /."""
    ).tag(config=True)
    database_url = Unicode(
        help="""SQLAlchemy URL of the launcher's database. Default: LAUNCHER_DATABASE_URL, else
        launcher.sqlite in the working directory."""
    ).tag(config=True)
    secret_file = Unicode(
        help="""File that holds the launcher's own secret; made, readable by its owner alone,
        when it is not there. Default: launcher_secret beside an SQLite database, else in the
        working directory."""
    ).tag(config=True)
    experiment_paths = List(
        Unicode(), help="Folders of a site's own experiments, each a folder with an experiment."
    ).tag(config=True)
    allowed_origins = List(
        Unicode(),
        help="""Origins, such as https://portal.example.org, whose pages may call the launcher
        (CORS). None by default.""",
    ).tag(config=True)
    strict_scopes = Bool(
        False,
        help="""Hold everybody to their scopes: refuse to launch (503) with a service token that
        may do more than the launcher needs, and let users with a password in only when they hold
        the scope that users with a token need. The scope tokens without a filter is still
        accepted; /ready says how to narrow it.""",
    ).tag(config=True)
    start_timeout = Integer(
        300, min=1, help="Seconds in which a server must be ready once its start was asked for."
    ).tag(config=True)
    wait_timeout = Integer(
        300,
        min=0,
        help="""Seconds that a request waits for the end of its launch, at most; then it is answered
        with 202 and the launch goes on.""",
    ).tag(config=True)
    max_starts = Integer(
        20,
        min=1,
        help="""Servers that are started at the same moment, at most. The launcher takes fewer when
        the hub says that it is busy. Where servers run on other machines than the hub, the hub's
        own concurrent_spawn_limit (100) is a good value.""",
    ).tag(config=True)
    hub_failure_limit = Integer(
        0,
        min=0,
        help="""The hub's own c.Spawner.consecutive_failure_limit: so many failed starts in a row
        make the hub exit. 0, as on the hub, means that it has none; the Kubernetes charts have 5.
        The failures in a row and the starts in flight stay below it until a start succeeds.""",
    ).tag(config=True)
    start_cooldown = Integer(
        10,
        min=0,
        help="""Seconds for which a user whose start failed waits for the next one; doubled with
        each failure in a row, up to ten minutes. 0: no wait.""",
    ).tag(config=True)
    breaker_seconds = Integer(
        60,
        min=0,
        help="""Seconds for which no server is started once the starts of three users failed in a
        row; then one start is tried. Doubled each time that it fails: up to one and a half times as
        long, and with hub_failure_limit up to ten times. 0: the breaker never opens, and only
        hub_failure_limit holds starts back.""",
    ).tag(config=True)
    max_launches_per_user = Integer(
        100, min=1, help="Launches of one user that may be under way; further ones get 429."
    ).tag(config=True)
    max_launches_per_minute = Integer(
        300,
        min=1,
        help="Launches that one user may begin within a minute; further ones get 429.",
    ).tag(config=True)
    upload_timeout = Integer(
        120,
        min=5,
        help="""Seconds in which a user's server that runs must have taken the notebook; then the
        launch fails as server-unresponsive.""",
    ).tag(config=True)
    max_queued = Integer(
        1000, min=1, help="Servers that may wait for their start; further launches get 429."
    ).tag(config=True)
    queue_timeout = Integer(
        1800, min=1, help="Seconds that a launch waits for its turn, at most."
    ).tag(config=True)
    max_streams_per_user = Integer(
        20,
        min=1,
        help="""Streams of events that a user may have open in one worker process; further ones get
        429.""",
    ).tag(config=True)
    launch_retention_days = Integer(
        30, min=1, help="Days for which launches that ended are kept in the database."
    ).tag(config=True)
    hub_patience = Integer(
        60, min=0, help="Seconds that a launch waits for a hub that is away, as in a restart."
    ).tag(config=True)
    identity_seconds = Integer(
        60, min=0, max=300, help="Seconds for which a checked token or password is remembered."
    ).tag(config=True)
    max_failed_logins = Integer(
        10, min=1, help="Wrong passwords per user name, client address and minute."
    ).tag(config=True)
    max_failed_logins_per_address = Integer(
        100,
        min=1,
        help="""Wrong passwords per client address and minute, whatever the names. A classroom may
        share one address.""",
    ).tag(config=True)
    max_unknown_tokens_per_address = Integer(
        300, min=1, help="Tokens that the hub does not know, per client address and minute."
    ).tag(config=True)
    trusted_hops = Integer(
        min=0,
        help="""How many proxies in front of the launcher append to X-Forwarded-For. Default: 1
        when the hub manages the launcher, else 0.""",
    ).tag(config=True)
    trusted_proxies = List(
        Unicode(),
        ["127.0.0.0/8", "::1"],
        help="""Addresses and networks of those proxies: from others the header is ignored. `unix`
        stands for whoever may open the unix socket that gunicorn listens on. With the default,
        every process on the launcher's own machine is believed.""",
    ).tag(config=True)

    def __init__(self, environ: Mapping[str, str] | None = None, **settings: Any) -> None:
        """Take defaults from `environ`, by default that of the process."""
        self._environ = os.environ if environ is None else environ
        super().__init__(**settings)

    @default("jupyterhub_url")
    def _jupyterhub_url(self) -> str:
        if url := self._environ.get("JUPYTERHUB_URL"):
            return url
        if public := self._environ.get("JUPYTERHUB_PUBLIC_HUB_URL"):
            return re.sub(r"/hub/?$", "", public)
        # JupyterHub before 5.4.6 tells its services c.JupyterHub.public_url in these two halves
        host = self._environ.get("JUPYTERHUB_HOST")
        return host + self._environ.get("JUPYTERHUB_BASE_URL", "/").rstrip("/") if host else ""

    @validate("jupyterhub_url", "hub_api_url", "proxy_url")
    def _quote(self, proposal: Any) -> str:
        # a space in the hub's base URL may be written as one
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
        """Whether calls to the hub's API pass the hub's proxy."""
        hub, proxy = urlsplit(self.hub_api_url), urlsplit(self.proxy_url)
        return hub.netloc == proxy.netloc

    @property
    def bind(self) -> str:
        """host:port that the hub expects a managed service to listen on, else a default."""
        return urlsplit(self._environ.get("JUPYTERHUB_SERVICE_URL", "")).netloc or "127.0.0.1:8888"

    @property
    def metrics_folder(self) -> str:
        """Where processes keep what they count (PROMETHEUS_MULTIPROC_DIR), '' when one does."""
        return self._environ.get("PROMETHEUS_MULTIPROC_DIR", "")

    def public_url(self, origin: str | None = None) -> str:
        """Where a browser that came from `origin` reaches the hub, without a last slash."""
        url = self.jupyterhub_url.rstrip("/")
        if not url.startswith("/") and url:
            return url
        known = origin if origin in self.allowed_origins else self.allowed_origins[0]
        return f"{known}{url}"

    def check(self) -> "Launcher":
        """This, when it can be run with; raises ConfigError."""
        checks.check(self)
        return self

    def told(self, *names: str) -> str:
        """The first of these variables of the environment that is set, or ''."""
        return next(filter(None, (self._environ.get(name) for name in names)), "")


def load(environ: Mapping[str, str] | None = None) -> Launcher:
    """The settings from the configuration file and the environment; raises ConfigError."""
    return read(environ).check()


def read(environ: Mapping[str, str] | None = None) -> Launcher:
    """The same, before it is known whether the launcher can run with them; raises ConfigError.

    The file is the one that LAUNCHER_CONFIG names, else launcher_config.py in the working
    directory, when it is there.
    """
    settings = Launcher(environ)
    named = settings._environ.get("LAUNCHER_CONFIG")
    path = Path(named or CONFIG_FILE).resolve()
    if path.is_file():
        _read(settings, path)
    elif named:
        raise ConfigError(f"LAUNCHER_CONFIG names {named}, which is not a file.")
    return settings


# the file is a program of the site's
_WAYS_TO_FAIL = (
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
    except _WAYS_TO_FAIL as error:
        raise ConfigError(f"{path.name} cannot be used: {type(error).__name__}: {error}") from error
    checks.check_names(found.get("Launcher", {}))
