"""The application for gunicorn: `gunicorn -c python:launcher.gunicorn launcher.serve:app`."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any

# connexion imports starlette's test client, which warns about httpx
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")

from launcher import config  # noqa: E402
from launcher.app import create_app  # noqa: E402
from launcher.errors import ConfigError  # noqa: E402

log = logging.getLogger("launcher")

# for requests under way before the process exits
GRACE_SECONDS = 10.0

_WRONG_SERVER = (
    "The launcher is an ASGI application. Start gunicorn with `-c python:launcher.gunicorn`"
    " (in a checkout, gunicorn.conf.py does that), or use `launcher serve`.\n"
)


class _App:
    """The ASGI application; a server that calls it as WSGI gets an error message."""

    def __init__(self) -> None:
        self._app = create_app(config.load(), lambda: self.stopping(), end_process=end_process)
        self.stopping: Callable[[], bool] = lambda: False

    def __call__(self, *args: Any) -> Any:
        if len(args) == 2:
            return _refuse_wsgi(*args)
        return self._app(*args)


def end_process() -> None:
    """End this worker, after GRACE_SECONDS at the latest; gunicorn's master starts another one.

    For a worker that does not work any more: other workers take over its launches.
    """
    log.critical("this process ends", extra={"pid": os.getpid()})
    # a thread, because the event loop may be blocked
    ending = threading.Timer(GRACE_SECONDS, os._exit, [1])
    ending.daemon = True
    ending.start()
    os.kill(os.getpid(), signal.SIGTERM)


def _refuse_wsgi(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
    return [_WRONG_SERVER.encode()]


try:
    app = _App()
except ConfigError as error:
    # exit code 4 is gunicorn's APP_LOAD_ERROR: it does not restart the worker
    print(f"launcher: {error}", file=sys.stderr)
    sys.exit(4)
