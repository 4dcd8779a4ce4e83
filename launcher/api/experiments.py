"""Tag `experiments`: the catalogue, and launching anything that is in it."""

from typing import Any

from launcher.api import here, origin
from launcher.experiments import Experiment
from launcher.launches import NotebookRequest, location


async def list_all() -> dict[str, Any]:
    """Every experiment, by name."""
    return {"experiments": [_summary(experiment) for experiment in here().experiments.all()]}


async def get(experiment: str) -> dict[str, Any]:
    """One experiment."""
    return _summary(here().experiments.find(experiment))


async def launch(experiment: str, body: dict[str, Any], user: str) -> dict[str, Any]:
    """Render the experiment and open it on the user's own server."""
    return await open_notebook(experiment, body["notebook"], body["parameters"], user)


async def preview(experiment: str, body: dict[str, Any]) -> dict[str, Any]:
    """The notebook that would be launched; nothing is started."""
    NotebookRequest.parse(body["notebook"])
    return here().experiments.find(experiment).render(body["parameters"], "/parameters")


async def open_notebook(
    experiment: str,
    notebook: dict[str, Any],
    parameters: dict[str, Any],
    user: str,
    pointer: str = "/parameters",
) -> dict[str, Any]:
    """Launch, and say where; `pointer` is where the parameters stood in the body."""
    parts = here()
    request = NotebookRequest.parse(notebook)
    rendered = parts.experiments.find(experiment).render(parameters, pointer)
    await parts.readiness.require()
    opened = await parts.launches.open(user, rendered, request)
    return {"location": location(opened, parts.settings.public_url(origin()))}


def _summary(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "title": experiment.title,
        "description": experiment.description,
        "parameters": experiment.schema,
    }
