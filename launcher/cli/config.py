"""launcher config: a configuration file with all settings, their defaults and descriptions."""

import textwrap
from typing import Any

import click


@click.command
def command() -> None:
    """Print a configuration file with all settings."""
    from launcher.config import Launcher

    click.echo("c = get_config()  # noqa\n")
    for name, trait in sorted(Launcher.settings().items()):
        click.echo(_section(name, trait))


def _section(name: str, trait: Any) -> str:
    """The setting as a comment, so that the file changes nothing until it is edited."""
    text = textwrap.fill(
        " ".join(trait.help.split()),
        width=80,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{text}\n# c.Launcher.{name} = {trait.default_value_repr()}\n"
