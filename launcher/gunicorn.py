"""gunicorn's settings for the launcher: `gunicorn -c python:launcher.gunicorn launcher.serve:app`.

Anything here can be changed on gunicorn's command line. See gunicorn's document "Settings".
"""

import atexit
import gc
import logging
import os
import shutil
import sys
import tempfile
from typing import Any

from gunicorn import glogging

from launcher import config as launcher_config  # `config` is a setting of gunicorn's
from launcher import logs, store
from launcher.errors import ConfigError

worker_class = "asgi"
wsgi_app = "launcher.serve:app"
workers = 2
preload_app = True  # one catalogue and one specification for all workers
graceful_timeout = 30
# longer than clients keep a connection (aiohttp 15 s, nginx 60 s): one that we close first costs
# them the request they just sent. A stop waits for idle ones too, graceful_timeout at most.
keepalive = 75
control_socket_disable = True
# "auto" would take uvloop where it is installed; docs/decisions.md says why not
asgi_loop = "asyncio"
# who may say what the client's address was is c.Launcher.trusted_hops, and nobody else
forwarded_allow_ips = ""
accesslog = None  # launcher.logs tells of each request


def _folder() -> str:
    """A folder for what the workers count; it goes when the master does."""
    folder, master = tempfile.mkdtemp(prefix="launcher-metrics-"), os.getpid()

    def remove() -> None:
        if os.getpid() == master:  # workers run atexit's functions too
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


# the environment of the application: prometheus_client looks for it when it is imported
raw_env = [f"PROMETHEUS_MULTIPROC_DIR={launcher_config.Launcher().metrics_folder or _folder()}"]


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
    """Bring the database's tables to this version's, once, before any worker."""
    try:
        store.migrate(launcher_config.load().database_url)
    except ConfigError as error:
        print(f"launcher: {error}", file=sys.stderr)
        sys.exit(4)
