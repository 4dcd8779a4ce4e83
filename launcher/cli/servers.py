"""launcher servers: a table of the user's servers."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from launcher.cli._session import session
from launcher.cli._terminal import name_of, one_line

SHORT_SHA = 8
COLUMNS = ("NAME", "PROJECT", "BRANCH", "COMMIT", "STATE")
_CHECKOUTS = {"preparing": "being checked out", "failed": "checkout failed"}


@click.command
def command() -> None:
    """List your servers, also those that are stopped.

    If stdout is no terminal, the columns are separated by tabs and have no heading.
    """
    with session() as client:
        servers = client.servers()
    rows = [_row(server) for _, server in sorted(servers.items())]
    if sys.stdout.isatty():
        _show_table(rows)
    else:
        for row in rows:
            click.echo("\t".join(row))
    if not any(server.get("project") for server in servers.values()):
        click.echo("To start one for a git project: launcher project URL@REF", err=True)


def _row(server: Mapping[str, Any]) -> list[str]:
    project = server.get("project") or {}
    path = "/".join(filter(None, (project.get("namespace"), project.get("project"))))
    commit = project.get("commit_sha") or ("follows" if project else "")
    state = server.get("state")
    more = _CHECKOUTS.get(str(project.get("checkout"))) if state != "stopped" else None
    state = f"{state}, {more}" if more else state
    cells = (server.get("name"), path, project.get("branch"), commit, state)
    return [one_line(cell or "") for cell in cells]


def _show_table(rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name in COLUMNS:
        # what is copied from the table is cut last
        table.add_column(name, no_wrap=name not in ("PROJECT", "BRANCH"), overflow="fold")
    for name, path, branch, commit, state in rows:
        cells = (name_of(name), path, branch, commit[:SHORT_SHA], state)
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    Console(highlight=False).print(table)
