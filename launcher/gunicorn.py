"""gunicorn's settings for the launcher: `gunicorn -c python:launcher.gunicorn launcher.serve:app`.

Every setting can be overridden on gunicorn's command line. See gunicorn's document "Settings".
"""

import atexit
import fcntl
import gc
import logging
import os
import shutil
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn import glogging

from launcher import config as launcher_config  # `config` is a setting of gunicorn's
from launcher import logs, store, worker
from launcher.errors import ConfigError

# jsonschema imports it where it is installed. That takes 2 s of CPU time, for a format that the
# launcher checks itself.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# gunicorn's "asgi", with timeouts for slow clients
worker_class = "launcher.worker.Worker"
wsgi_app = "launcher.serve:app"
workers = 2
worker_connections = worker.CONNECTIONS
# the most that gunicorn can limit: links hold parameters (launcher.links.query.MAX_QUERY)
limit_request_line = 8190
preload_app = True  # all workers share the catalogue and the specification
graceful_timeout = 30
# longer than clients keep a connection (aiohttp 15 s, nginx 60 s): if the server closes it first,
# the client's next request fails
keepalive = 75
control_socket_disable = True
# "auto" would use uvloop if it is installed; docs/decisions.md has the reasons against it
asgi_loop = "asyncio"
# c.Launcher.trusted_proxies is used instead
forwarded_allow_ips = ""
accesslog = None  # launcher.logs logs requests


_METRICS = "launcher-metrics-"


def make_folder(beside: Path) -> str:
    """Create a folder in `beside` for the metrics of this master's workers; raises OSError.

    Only its owner can read it, and it is removed when the master exits. Folders of masters that
    were killed are removed first: a master and its workers hold a lock of their folder (flock(2)).
    """
    lock = _lock(beside)
    try:
        for other in beside.glob(f"{_METRICS}*"):
            _remove_unused(other)
        folder, master = Path(tempfile.mkdtemp(prefix=_METRICS, dir=beside)), os.getpid()
        _lock(folder)  # until the process exits
    finally:
        os.close(lock)

    def remove() -> None:
        if os.getpid() == master:  # workers run atexit's functions, too
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return str(folder)


def _lock(folder: Path, how: int = fcntl.LOCK_EX) -> int:
    """Lock a folder until the descriptor is closed; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_unused(folder: Path) -> None:
    try:
        descriptor = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return  # it is in use
    shutil.rmtree(folder, ignore_errors=True)
    os.close(descriptor)


def _settings() -> launcher_config.Launcher:
    try:
        return launcher_config.load()
    except ConfigError:  # on_starting prints it
        return launcher_config.Launcher()


def _environment(settings: launcher_config.Launcher) -> list[str]:
    """Environment variables of the application: prometheus_client reads its own at import."""
    folder = settings.metrics_folder
    try:
        folder = folder or make_folder(Path(settings.secret_file).resolve().parent)
    except OSError as error:
        warnings.append(f"Each worker counts its own metrics, without a shared folder: {error}.")
    return [f"PROMETHEUS_MULTIPROC_DIR={folder}"] if folder else []


# to be logged when logging is configured
warnings: list[str] = []
_site = _settings()
raw_env = _environment(_site)
if _site.serves_tls:
    # for a hub with internal_ssl: its proxy and its spawn hook connect, and nobody else
    certfile, keyfile = _site.internal_ssl_cert, _site.internal_ssl_key
    ca_certs, cert_reqs = _site.internal_ssl_ca, ssl.CERT_REQUIRED


class Logger(glogging.Logger):
    """gunicorn's logger, which configures the launcher's logs, too: stderr or --error-logfile.

    The master calls `setup` before it loads the application, and when it reloads; workers are
    forked from it. With --log-config, nothing is changed.
    """

    def setup(self, cfg: Any) -> None:
        """Set up as gunicorn does, then set the launcher's format."""
        super().setup(cfg)
        if not (cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json):
            streams = [h for h in self.error_log.handlers if isinstance(h, logging.StreamHandler)]
            logs.setup(self.loglevel, streams)


logger_class = Logger


def when_ready(server: Any) -> None:
    """Exclude shared objects from garbage collection, which would copy their memory pages."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Let the application know whether its worker is shutting down."""
    serve = sys.modules.get("launcher.serve")
    if serve:  # gunicorn may serve another application with these settings
        serve.app.stopping = lambda: not worker.alive


def on_starting(server: Any) -> None:
    """Raise the limit of open files, and migrate the database."""
    most = worker.most_connections(server.cfg.worker_connections)
    if most < server.cfg.worker_connections:
        warnings.append(
            f"A worker accepts at most {most} connections, because it may open"
            f" {worker.open_files()} files. Raise the limit (ulimit -n, or LimitNOFILE= of"
            " systemd), or lower worker_connections."
        )
    for sentence in warnings:
        server.log.warning(sentence)
    try:
        store.migrate(launcher_config.load().database_url)
    except ConfigError as error:
        print(f"launcher: {error}", file=sys.stderr)
        sys.exit(4)
