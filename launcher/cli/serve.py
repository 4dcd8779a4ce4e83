"""launcher serve: gunicorn with the launcher's settings, where the hub expects the service."""

import sys

import click


@click.command
@click.option(
    "--bind",
    help="host:port or unix:PATH. Default: the address in JUPYTERHUB_SERVICE_URL, else"
    " 127.0.0.1:8888.",
)
@click.option("--workers", default=2, show_default=True, help="Number of processes.")
def command(bind: str | None, workers: int) -> None:
    """Run the service until a signal ends it."""
    from launcher import config

    settings = config.load()

    from gunicorn.app.wsgiapp import run as run_gunicorn

    sys.argv = ["gunicorn", "-c", "python:launcher.gunicorn", "-b", bind or settings.bind]
    sys.argv += ["-w", str(workers), "launcher.serve:app"]
    run_gunicorn(prog="launcher")
