"""gunicorn's settings for the launcher: `gunicorn -c python:launcher.gunicorn launcher.serve:app`.

Anything here can be changed on gunicorn's command line. See gunicorn's document "Settings".
"""

import atexit
import fcntl
import gc
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn import glogging

from launcher import config as launcher_config  # `config` is a setting of gunicorn's
from launcher import logs, store, worker
from launcher.errors import ConfigError

# gunicorn's "asgi", with bounds for slow clients
worker_class = "launcher.worker.Worker"
wsgi_app = "launcher.serve:app"
workers = 2
worker_connections = worker.CONNECTIONS
preload_app = True  # one catalogue and one specification for all workers
graceful_timeout = 30
# longer than clients keep a connection (aiohttp 15 s, nginx 60 s): one that we close first costs
# them the request they just sent. A stop waits for idle ones too, graceful_timeout at most.
keepalive = 75
control_socket_disable = True
# "auto" would take uvloop where it is installed; docs/decisions.md says why not
asgi_loop = "asyncio"
# c.Launcher.trusted_proxies decides who may say what the client's address was
forwarded_allow_ips = ""
accesslog = None  # launcher.logs tells of each request


_METRICS = "launcher-metrics-"


def make_folder(beside: Path) -> str:
    """A new folder below `beside` for what a master's workers count; raises OSError.

    It is readable by its owner alone, and goes when the master does. What killed masters left goes
    first: those that run hold a lock (flock(2)), and so do their workers.
    """
    alone = _lock(beside)
    try:
        for left in beside.glob(f"{_METRICS}*"):
            _remove_unused(left)
        folder, master = Path(tempfile.mkdtemp(prefix=_METRICS, dir=beside)), os.getpid()
        _lock(folder)  # until the process ends
    finally:
        os.close(alone)

    def remove() -> None:
        if os.getpid() == master:  # workers run atexit's functions too
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


def _environment() -> list[str]:
    """The variables of the application: prometheus_client looks for its own when imported."""
    try:
        settings = launcher_config.load()
    except ConfigError:  # on_starting says what is wrong
        settings = launcher_config.Launcher()
    folder = settings.metrics_folder
    try:
        folder = folder or make_folder(Path(settings.secret_file).resolve().parent)
    except OSError as error:
        warnings.append(f"Workers count metrics each for itself, without a folder: {error}.")
    return [f"PROMETHEUS_MULTIPROC_DIR={folder}"] if folder else []


# what is said once there is a log
warnings: list[str] = []
raw_env = _environment()


class Logger(glogging.Logger):
    """gunicorn's log, which the launcher's goes along with: to stderr, or as --error-logfile says.

    The master sets it up before it loads the application, and again when it reloads; workers are
    forked from it. Somebody's own --log-config is left alone.
    """

    def setup(self, cfg: Any) -> None:
        """Set up as gunicorn does, then give everything the launcher's format."""
        super().setup(cfg)
        if not (cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json):
            streams = [h for h in self.error_log.handlers if isinstance(h, logging.StreamHandler)]
            logs.setup(self.loglevel, streams)


logger_class = Logger


def when_ready(server: Any) -> None:
    """Keep what every worker shares out of garbage collections, which would copy it, too."""
    gc.collect()
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Let the application know when its worker is told to end."""
    serve = sys.modules.get("launcher.serve")
    if serve:  # gunicorn may serve another application with these settings
        serve.app.stopping = lambda: not worker.alive


def on_starting(server: Any) -> None:
    """Raise the limit on open files, and bring the database's tables to this version's."""
    most = worker.most_connections(server.cfg.worker_connections)
    if most < server.cfg.worker_connections:
        warnings.append(
            f"A worker takes {most} connections at most, because it may open"
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
