"""gunicorn's settings for the launcher: `gunicorn -c python:launcher.gunicorn launcher.serve:app`.

Anything here can be changed on gunicorn's command line. See gunicorn's document "Settings".
"""

import sys
from typing import Any

from launcher import config as launcher_config  # `config` is a setting of gunicorn's
from launcher import store
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
# who may say what the client's address was is c.Launcher.trusted_hops, and nobody else
forwarded_allow_ips = ""
accesslog = "-"
# no query string, which may hold what people typed
access_log_format = '%(t)s %(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'


def on_starting(server: Any) -> None:
    """Bring the database's tables to this version's, once, before any worker."""
    try:
        store.migrate(launcher_config.load().database_url)
    except ConfigError as error:
        print(f"launcher: {error}", file=sys.stderr)
        sys.exit(4)
