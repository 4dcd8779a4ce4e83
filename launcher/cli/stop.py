"""launcher stop: stop a server."""

import click

from launcher.cli._session import ServerName, session
from launcher.cli._terminal import name_of


@click.command
@click.argument("server", type=ServerName(), metavar="NAME")
def command(server: str) -> None:
    """Stop the server NAME, and cancel its launches.

    It stays listed, and its files stay. `launcher resume` starts it again.
    """
    with session() as client:
        is_stopping = client.stop_server(server)
    if is_stopping:
        click.echo(
            f"The server {name_of(server)} is being stopped. `launcher servers` shows when it is"
            " stopped."
        )
    else:
        click.echo(f"The server {name_of(server)} is stopped.")
