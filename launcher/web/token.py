"""The page that says how scripts get a token."""

import shlex

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.experiments import Experiment
from launcher.links.share import share
from launcher.web import opening, pages
from launcher.web.visitors import required


def routes(prefix: str) -> list[BaseRoute]:
    """The route of the page."""
    return [Route(f"{prefix}/home/token", pages.shown(token))]


async def token(request: Request) -> Response:
    """How to get a token, and the lines that use it."""
    visitor = await required(request)
    settings = pages.settings_of(request)
    url = pages.own_url(request)
    experiment = _sample(request.state.parts.experiments.all())
    lines = experiment and share(
        url,
        "",
        experiment=experiment.name,
        title=experiment.title,
        schema=experiment.schema,
        parameters=experiment.schema.get("example", {}),
        notebook={**opening.notebook_defaults(experiment.name), "if_exists": ""},
    )
    return pages.page(
        request,
        "token.html",
        visitor=visitor,
        token_url=f"{pages.hub_url(settings)}/hub/token",
        scope=f"access:services!service={settings.service_name}",
        lines=lines,
        experiment=experiment,
        variables=_variables(url),
    )


def _variables(url: str) -> str:
    """The lines that set what the command line reads, and a command."""
    return (
        f"export LAUNCHER_URL={shlex.quote(url)}\n"
        'export LAUNCHER_TOKEN="$HUB_TOKEN"\n'
        "launcher servers"
    )


def _sample(experiments: list[Experiment]) -> Experiment | None:
    """An experiment that runs as its schema's example says: hello, or another one."""
    usable = [
        each for each in experiments if "example" in each.schema or not each.schema.get("required")
    ]
    return next((each for each in usable if each.name == "hello"), next(iter(usable), None))
