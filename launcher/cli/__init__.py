"""The command line: `launcher COMMAND`.

Each module and package in here is a command, with the attribute `command`, unless its name begins
with an underscore. All of them are imported for `launcher --help`, so they import what they need in
the function that runs.
"""

import importlib
import pkgutil

import click

import launcher
from launcher.errors import ConfigError


class InvalidSettings(click.ClickException):
    """A setting is missing or unusable."""

    exit_code = 4

    def show(self, file: object = None) -> None:
        """Print the sentence on stderr."""
        click.echo(f"launcher: {self.message}", err=True)


class Commands(click.Group):
    """The commands in this package, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in alphabetical order."""
        names = (module.name for module in pkgutil.iter_modules(__path__))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None when there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"launcher.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a ConfigError ends it with a sentence and status 4."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise InvalidSettings(str(error)) from error


_USERS = """\
For users, with the launcher's address in LAUNCHER_URL and a token of the hub in LAUNCHER_TOKEN:
project, servers, logs, stop, resume, remove. The others are for administrators.
"""


@click.command(
    cls=Commands, epilog=_USERS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(launcher.__version__, message="%(version)s")
def main() -> None:
    """Opens experiments in the servers of a JupyterHub's users."""
