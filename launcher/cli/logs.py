"""launcher logs: what a server wrote, and what it writes."""

import click

from launcher.cli._session import INTERRUPTED, ServerName, session
from launcher.cli._terminal import plain

MOST_LINES = 10_000


@click.command
@click.argument("server", type=ServerName(), metavar="NAME")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(1, MOST_LINES),
    default=250,
    metavar="LINES",
    show_default=True,
    help="Print so many of the last lines.",
)
@click.option("-f", "--follow", is_flag=True, help="Then print new lines, until Ctrl-C.")
def command(server: str, lines: int, follow: bool) -> None:
    """Print what the server NAME has written since its last start.

    `launcher servers` lists the names; "" is the default server.
    """
    with session() as client:
        if not follow:
            for line in client.logs(server, max_lines=lines):
                click.echo(plain(line))
            return
        try:
            for line in client.follow_logs(server, max_lines=lines):
                click.echo(plain(line))
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
