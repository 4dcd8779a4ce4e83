"""The application for gunicorn: `gunicorn -c python:launcher.gunicorn launcher.serve:app`."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any

# connexion imports starlette's test client, which has something to say about httpx
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")

from launcher import config  # noqa: E402
from launcher.app import create_app  # noqa: E402
from launcher.errors import ConfigError  # noqa: E402

log = logging.getLogger("launcher")

# for requests under way, once the process has to end
GRACE_SECONDS = 10.0

_SENTENCE = (
    "The launcher is an ASGI application. Start gunicorn with `-c python:launcher.gunicorn`"
    " (in a checkout, gunicorn.conf.py does that), or use `launcher serve`.\n"
)


class _App:
    """The ASGI application, which also tells a server that calls it as WSGI what is wrong."""

    def __init__(self) -> None:
        self._app = create_app(config.load(), lambda: self.stopping(), end_process=end_process)
        self.stopping: Callable[[], bool] = lambda: False

    def __call__(self, *args: Any) -> Any:
        if len(args) == 2:
            return _refuse_wsgi(*args)
        return self._app(*args)


def end_process() -> None:
    """End this worker, at once or after GRACE_SECONDS; gunicorn's master starts another one.

    For a process that cannot do its work any more: what it holds, others take over.
    """
    log.critical("this process ends", extra={"pid": os.getpid()})
    # the event loop may be what is broken: no task of it is relied upon
    ending = threading.Timer(GRACE_SECONDS, os._exit, [1])
    ending.daemon = True
    ending.start()
    os.kill(os.getpid(), signal.SIGTERM)


def _refuse_wsgi(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
    return [_SENTENCE.encode()]


try:
    app = _App()
except ConfigError as error:
    # gunicorn takes 4 for "the application cannot be loaded" and does not start workers again
    print(f"launcher: {error}", file=sys.stderr)
    sys.exit(4)
