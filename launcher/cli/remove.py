"""launcher remove: stop a named server, and remove it."""

import click

from launcher.cli._session import ServerName, session
from launcher.cli._terminal import name_of


@click.command
@click.argument("server", type=ServerName(), metavar="NAME")
def command(server: str) -> None:
    """Stop the server NAME and remove it from the list.

    The files in your home stay, also the workspace of a git project.
    """
    if not server:
        raise click.UsageError("The default server cannot be removed; `launcher stop` stops it.")
    with session() as client:
        client.remove_server(server)
    click.echo(f"The server {name_of(server)} is removed.")
