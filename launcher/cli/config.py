"""launcher config: a configuration file with every setting, its default and what it does."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options."""


def run(options: argparse.Namespace) -> None:
    """Print the file; the environment does not change it."""
    from launcher.config import Launcher

    print(Launcher({}).generate_config_file())
