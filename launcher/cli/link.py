"""launcher link: make a signed link to an experiment."""

import re
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from launcher.config import Launcher
    from launcher.experiments import Experiment

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class Duration(click.ParamType):
    """A number with a unit, such as 12h, 30d or 4w, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The duration in seconds."""
        found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", str(value))
        if not found:
            self.fail("write a number and m, h, d or w, such as 12h or 30d", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.command
@click.argument("experiment")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter; dots reach into objects: -p setup.model=wflow.",
)
@click.option("--directory", help="The folder of the notebook, below the user's home.")
@click.option("--filename", help="The name of the notebook.")
@click.option(
    "--if-exists",
    type=click.Choice(["rename", "fail"]),
    help="What happens if the notebook exists.",
)
@click.option("--entrypoint", help="The environment that it opens in: a name that its users have.")
@click.option("--system", help="The system of the environment.")
@click.option("--expires", type=Duration(), metavar="TIME", help="For how long: 12h, 30d or 4w.")
@click.option(
    "--url",
    metavar="URL",
    help="The launcher's address, such as https://hub.example.org/services/launcher.",
)
def command(
    experiment: str,
    parameters: tuple[str, ...],
    directory: str | None,
    filename: str | None,
    if_exists: str | None,
    entrypoint: str | None,
    system: str | None,
    expires: int | None,
    url: str | None,
) -> None:
    """Print a signed link that launches EXPERIMENT with fixed parameters.

    Whoever opens it confirms it once; later visits launch at once. The parameters are fixed.
    The link is signed with the launcher's secret (c.Launcher.secret_file): run this where the
    launcher's configuration is.
    """
    from pathlib import Path

    from launcher import config, keys
    from launcher.experiments import Catalogue
    from launcher.links import signed

    settings = config.read()
    found = _find(Catalogue.load(settings.experiment_paths), experiment)
    pairs = [_pair(text) for text in parameters]
    places = {
        "directory": directory,
        "filename": filename,
        "if_exists": if_exists,
        "entrypoint": entrypoint,
        "system": system,
    }
    pairs += [(name, value) for name, value in places.items() if value]
    query = _query(found, pairs)
    until = None if expires is None else int(time.time()) + expires
    key = keys.link_key(keys.existing_secret(Path(settings.secret_file)))
    address = f"{_base(settings, url)}/launch/{experiment}"
    click.echo(f"{address}?{signed.sign(key, experiment, query, until)}")


def _find(catalogue: Any, name: str) -> "Experiment":
    from launcher.errors import NotFound

    try:
        found: Experiment = catalogue.find(name)
    except NotFound as error:
        names = ", ".join(each.name for each in catalogue.all())
        raise click.ClickException(
            f"There is no experiment {name!r}. There are: {names}"
        ) from error
    return found


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.ClickException(f"-p {text!r} is not NAME=VALUE, such as -p setup.model=wflow")
    return f"p.{name}", value


def _query(experiment: "Experiment", pairs: list[tuple[str, str]]) -> str:
    """The query of a link with these values; an error in them ends the command."""
    from urllib.parse import urlencode

    from launcher import urls
    from launcher.errors import BadRequest
    from launcher.links.query import parse

    values = parse(experiment.schema, pairs)
    errors = list(values.errors)
    if not errors:
        try:
            experiment.render(values.parameters, "/parameters")
            urls.parse_directory(values.notebook.get("directory", "experiments"))
            urls.parse_filename(values.notebook.get("filename", "x.ipynb"))
        except BadRequest as error:
            errors = error.errors
    if errors:
        lines = [f"{_field(error['pointer'])} {error['detail']}".strip() for error in errors]
        raise click.ClickException("; ".join(lines))
    return urlencode(pairs)


def _field(pointer: str) -> str:
    return ".".join(pointer.split("/")[2:])


def _base(settings: "Launcher", url: str | None) -> str:
    """The launcher's public address."""
    if url:
        return url.rstrip("/")
    hub = settings.jupyterhub_url.rstrip("/")
    if not hub.startswith("http"):
        raise click.ClickException(
            "The launcher's address is not known here. Name it:"
            " --url https://hub.example.org/services/launcher"
        )
    return f"{hub}{settings.prefix}"
