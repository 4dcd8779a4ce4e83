"""launcher serve: gunicorn with the launcher's settings, where the hub expects the service."""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--bind", help="host:port; by default what the hub says, else 127.0.0.1:8888"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    """Serve until a signal ends it."""
    from gunicorn.app.wsgiapp import run as run_gunicorn

    from launcher import config

    bind = options.bind or config.load().bind
    sys.argv = ["gunicorn", "-c", "python:launcher.gunicorn", "-b", bind]
    sys.argv += ["-w", str(options.workers), "launcher.serve:app"]
    run_gunicorn(prog="launcher")
