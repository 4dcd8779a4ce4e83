"""launcher project: start a server with a git project checked out."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from launcher.cli._terminal import one_line, url
from launcher.cli._words import for_commands
from launcher.cli.project.target import NamedProject, OptionValue, ProjectTarget, values

if TYPE_CHECKING:
    from launcher.client import ReadyProject

SHORT_SHA = 8


@click.command(short_help="Start a server with a git project checked out.")
@click.argument("target", type=ProjectTarget(), metavar="URL[@REF]")
@click.option("--notebook", metavar="PATH", help="The file or folder of the project to open.")
@click.option("--follow", is_flag=True, help="Follow the branch: update it at each start.")
@click.option("--branch", metavar="NAME", help="The branch on which a commit is checked out.")
@click.option(
    "-o",
    "--option",
    "options",
    type=OptionValue(),
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the server, such as cpu_request=2.",
)
@click.option("--image", help="The container image that the server starts in.")
@click.option("--entrypoint", metavar="NAME", help="The environment that it starts in.")
@click.option(
    "--system",
    metavar="NAME",
    help="The system that it starts on; without --entrypoint, in the environment that you have"
    " selected there.",
)
@click.option("--replace", is_flag=True, help="Stop a server that runs with other options first.")
@click.option("--no-wait", is_flag=True, help="Do not wait; print the name of the server.")
def command(
    target: NamedProject,
    follow: bool,
    options: tuple[tuple[str, str], ...],
    no_wait: bool,
    **asked: Any,
) -> None:
    """Start a server with a git project checked out, and print the URL that opens it.

    URL is the address of a repository, or NAMESPACE/PROJECT on the first git host of the site. REF
    is a branch, a tag or a commit; without it, the default branch. The same project, commit and
    branch are the same server: it is opened if it runs.

    LAUNCHER_URL is the launcher's address, LAUNCHER_TOKEN your token.
    """
    from launcher.cli import _session

    with _session.launching("Asking the launcher", hint=target.hint) as (client, progress):
        arguments = {
            **asdict(target),
            **asked,
            "follow": "branch" if follow else None,
            "server_options": values(options, client.server_options()) if options else None,
        }
        if no_wait:
            launch = client.start_project(**arguments)
        else:
            opened = client.open_project(**arguments, on_event=progress.report)
    if no_wait:
        _show_begun(launch)
    else:
        _show(opened)


def _show_begun(launch: Mapping[str, Any]) -> None:
    """Print the name of the server, alone on stdout."""
    name = one_line(launch.get("server"))
    _show_warnings(launch.get("warnings"))
    click.echo("The server is started. `launcher servers` shows how far it is.", err=True)
    click.echo(name)


def _show(opened: "ReadyProject") -> None:
    """Print the URL, alone on stdout."""
    project = {name: one_line(value or "") for name, value in opened.project.items()}
    code = f"branch {project.get('branch')}"
    if project.get("commit_sha"):
        code += f", commit {project['commit_sha'][:SHORT_SHA]}"
    click.echo(f"Server {one_line(opened.server)}: {code}, in ~/{project.get('folder')}", err=True)
    _show_warnings(opened.warnings)
    click.echo(url(opened.location))


def _show_warnings(found: Any) -> None:
    """Print what was chosen and has no effect."""
    for warning in found if isinstance(found, list) else ():
        if isinstance(warning, dict):
            click.echo(f"Warning: {for_commands(one_line(warning.get('detail')))}", err=True)
