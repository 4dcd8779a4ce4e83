"""launcher resume: start a stopped server again."""

import click

from launcher.cli._session import ServerName, launching
from launcher.cli._terminal import url


@click.command
@click.argument("server", type=ServerName(), metavar="NAME")
def command(server: str) -> None:
    """Start the stopped server NAME again, and print its URL.

    A server for a git project starts with its project, options and environment.
    """
    with launching("Asking the launcher") as (client, progress):
        location = client.resume_server(server, on_event=progress.report)
    click.echo(url(location))
