"""The command line: `launcher COMMAND`, each command a module that is imported when it is used."""

import argparse
import importlib
import sys
from collections.abc import Sequence

import launcher
from launcher.errors import ConfigError

COMMANDS = {
    "serve": "run the service",
    "config": "print a configuration file with every setting in it",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a setting that is wrong ends it with a sentence and status 4."""
    parser = argparse.ArgumentParser(
        prog="launcher", description="Opens experiments in the servers of a JupyterHub's users."
    )
    parser.add_argument("--version", action="version", version=launcher.__version__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, description in COMMANDS.items():
        command = subparsers.add_parser(name, help=description, description=description)
        command.set_defaults(run=name)
        importlib.import_module(f"launcher.cli.{name}").add_arguments(command)
    options = parser.parse_args(arguments)
    try:
        importlib.import_module(f"launcher.cli.{options.run}").run(options)
    except ConfigError as error:
        print(f"launcher: {error}", file=sys.stderr)
        sys.exit(4)
