"""Launches that begin on a page."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from launcher import urls
from launcher.errors import BadRequest
from launcher.experiments import Experiment
from launcher.experiments.filling import Filling
from launcher.launches.request import (
    LaunchRequest,
    NotebookRequest,
    NotebookTarget,
    ProjectRequest,
)
from launcher.links import query as links
from launcher.links.query import LinkValues, Pairs
from launcher.parts import Parts
from launcher.server_ref import ServerRef
from launcher.store.launches import Environment, Launch
from launcher.web.visitors import Visitor

# what happens if the file exists, in the words of the pages
IF_EXISTS = {
    "rename": "Keep both: the new one gets a number",
    "fail": "Do not launch",
    "replace": "Replace it",
}


def notebook_defaults(experiment: str) -> dict[str, str]:
    """The place of a notebook as long as nobody chooses another one."""
    return {
        "directory": "experiments",
        "filename": f"{experiment}.ipynb",
        "if_exists": "rename",
        "workspace": "",
        "server": "",
        "entrypoint": "",
        "system": "",
    }


@dataclass
class Checked:
    """What was asked for, and all that is wrong with it."""

    fields: dict[str, str]
    """Where the notebook goes, with the defaults of what nobody chose."""
    values: LinkValues
    notebook: NotebookRequest | None = None
    """None if there are errors."""
    errors: list[dict[str, str]] = field(default_factory=list)
    """JSON pointers, and the ends of sentences."""


def from_link(filling: Filling, experiment: Experiment, pairs: Pairs) -> Checked:
    """What the query of a link asks for."""
    values = links.parse(experiment.schema, pairs)
    fields = {**notebook_defaults(experiment.name), **values.notebook}
    found = check(filling, experiment, values.parameters, fields)
    errors = values.errors + found.errors
    return Checked(fields, values, None if errors else found.notebook, errors)


def check(
    filling: Filling,
    experiment: Experiment,
    parameters: dict[str, Any],
    notebook: dict[str, str],
) -> Checked:
    """Check what was asked for, and fill in the defaults of the parameters."""
    checked = Checked(notebook, LinkValues(parameters))
    filled = None
    errors = checked.errors
    try:
        filled = filling.fill_in(experiment, parameters, notebook)
    except BadRequest as error:
        errors += error.errors
    for parse in (
        lambda: urls.parse_directory(notebook["directory"]),
        lambda: urls.parse_filename(notebook["filename"]),
        lambda: urls.parse_new_server_name(notebook["server"], "/notebook/server"),
        lambda: _check_choices(notebook),
    ):
        try:
            parse()
        except BadRequest as error:
            errors += error.errors
    if filled and not errors:
        target = NotebookTarget.parse({**notebook, "workspace": notebook["workspace"] or None})
        checked.notebook = NotebookRequest(
            experiment.name, parameters, filled.rendered, target, filled.link_query
        )
    return checked


def _check_choices(notebook: Mapping[str, str]) -> None:
    """Raise BadRequest for what openapi.yaml checks in the API."""
    if notebook["if_exists"] not in IF_EXISTS:
        raise _wrong("if_exists", "must be one of the choices")
    workspace = notebook["workspace"]
    letters = workspace.replace("-", "").replace("_", "")
    if workspace and not (letters.isascii() and letters.isalnum() and len(workspace) <= 64):
        raise _wrong("workspace", "may have letters, digits, - and _, and 64 characters")


def _wrong(field: str, detail: str) -> BadRequest:
    return BadRequest(detail, errors=[{"pointer": f"/notebook/{field}", "detail": detail}])


async def environment(
    request: Request, visitor: Visitor, fields: Mapping[str, str]
) -> Environment | None:
    """The environment that the fields `entrypoint` and `system` name; None if they are empty.

    Raises LauncherError if no server can start in it.
    """
    if not (fields.get("entrypoint") or fields.get("system")):
        return None
    parts: Parts = request.state.parts
    return await parts.spawning.environment(
        visitor.identity.name, fields.get("entrypoint", ""), fields.get("system", "")
    )


async def begin(
    request: Request,
    visitor: Visitor,
    notebook: NotebookRequest | None,
    server: str,
    key: str,
    environment: Environment | None = None,
    *,
    project: ProjectRequest | None = None,
) -> Launch:
    """Begin a launch for the visitor; the same `key` and request begin it only once.

    Raises HubRefused, TooManyLaunches, TooManyServers, StoreUnavailable, and for a project as
    `ProjectServers.open` does.
    """
    parts: Parts = request.state.parts
    await parts.readiness.require()
    user = visitor.identity.name
    asked: list[Any] = [key, server]
    if notebook:
        asked += [notebook.experiment, dict(notebook.parameters), vars(notebook.target)]
    if environment:
        asked += [environment.system, environment.entrypoint]
    if project:
        asked += [project.opens, dict(project.server.options), project.server.image]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    opens = parts.project_servers.open if project else parts.launches.open
    return await opens(
        LaunchRequest(
            user=user,
            server=ServerRef(user, server),
            key=f"page-{digest}" if key else None,
            notebook=notebook,
            environment=environment,
            project=project,
        )
    )
