"""launcher config: a configuration file with every setting, its default and what it does."""

import click


@click.command
def command() -> None:
    """Print a configuration file with every setting in it."""
    from launcher.config import Launcher

    # the environment does not change what is printed
    click.echo(Launcher({}).generate_config_file())
