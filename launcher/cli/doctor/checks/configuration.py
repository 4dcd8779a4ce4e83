"""The settings: where they come from, and which one is missing."""

from pathlib import Path

from launcher import config
from launcher.cli.doctor.results import Outcome, Result, lines, ok
from launcher.cli.doctor.site import Site
from launcher.config import CONFIG_FILE
from launcher.errors import ConfigError

NAME = "configuration"

URL = lines("# environment of the launcher", "JUPYTERHUB_URL=http://127.0.0.1:8000")
TOKEN = lines(
    "# environment of the launcher",
    "JUPYTERHUB_TOKEN=<make one: openssl rand -hex 24>",
    "# jupyterhub_config.py, in c.JupyterHub.services",
    '{"name": "launcher", "api_token": "<the same>"},',
)


async def check(site: Site) -> Result:
    """Which configuration file was read: that its settings can be used is known by now."""
    return ok(_sources(Path(site.settings.variable("LAUNCHER_CONFIG") or CONFIG_FILE)))


def _sources(path: Path) -> str:
    if path.is_file():
        return f"{path.resolve()} and the environment."
    return f"The environment; there is no {path} in the working directory."


def unusable(sentence: str) -> Result:
    """The result for settings that the launcher cannot run with."""
    return Result(Outcome.FAILED, sentence, _missing(), NAME)


def _missing() -> str:
    try:
        settings = config.read()
    except ConfigError:
        return ""  # the file itself is wrong
    if not settings.jupyterhub_url:
        return URL
    return "" if settings.api_token else TOKEN
