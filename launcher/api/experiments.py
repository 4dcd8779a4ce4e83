"""Tag `experiments`: list, preview and launch experiments."""

import dataclasses
from typing import Any

from launcher import urls
from launcher.api import Answer, here
from launcher.api.opening import open_notebook
from launcher.experiments import Experiment
from launcher.hub.users import Identity
from launcher.launches.request import NotebookTarget


async def list_all(user: Identity) -> dict[str, Any]:
    """All experiments, sorted by name; for administrators also the errors of folders."""
    catalogue = here().experiments
    body: dict[str, Any] = {"experiments": [_summary(each) for each in catalogue.all()]}
    if user.may_administer:
        body["left_out"] = [dataclasses.asdict(fault) for fault in catalogue.faults]
    return body


async def get(experiment: str) -> dict[str, Any]:
    """One experiment."""
    return _summary(here().experiments.find(experiment))


async def launch(experiment: str, body: dict[str, Any], user: Identity) -> Answer:
    """Render the experiment, and open it on the user's own server."""
    return await open_notebook(experiment, body["notebook"], body["parameters"], user)


async def preview(experiment: str, body: dict[str, Any]) -> dict[str, Any]:
    """The rendered notebook, without a launch."""
    if "notebook" in body:
        NotebookTarget.parse(body["notebook"])
        urls.parse_server_name(body["notebook"].get("server", ""), "/notebook/server")
    found = here().experiments.find(experiment)
    return here().filling.fill_in(found, body["parameters"], body.get("notebook", {})).rendered


def _summary(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "title": experiment.title,
        "description": experiment.description,
        "parameters": experiment.schema,
    }
