"""Tag `experiments`: the catalogue, and launching anything that is in it."""

import dataclasses
import re
from typing import Any

from launcher import logs
from launcher.api import acting, here, origin, sent
from launcher.api.launches import location, path_of, resource
from launcher.errors import BadRequest, Cancelled, LauncherError, from_problem
from launcher.experiments import Experiment
from launcher.orders import NotebookRequest, Order
from launcher.store.launches import Launch

Answer = tuple[dict[str, Any], int, dict[str, str]]


async def list_all(token_info: dict[str, Any]) -> dict[str, Any]:
    """Every experiment, by name; for administrators, what keeps folders from being one."""
    catalogue = here().experiments
    body: dict[str, Any] = {"experiments": [_summary(each) for each in catalogue.all()]}
    if token_info["admin"]:
        body["left_out"] = [dataclasses.asdict(fault) for fault in catalogue.faults]
    return body


async def get(experiment: str) -> dict[str, Any]:
    """One experiment."""
    return _summary(here().experiments.find(experiment))


async def launch(experiment: str, body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    """Render the experiment and open it on the user's own server."""
    return await open_notebook(experiment, body["notebook"], body["parameters"], token_info)


async def preview(experiment: str, body: dict[str, Any]) -> dict[str, Any]:
    """The notebook that would be launched; nothing is started."""
    if "notebook" in body:
        NotebookRequest.parse(body["notebook"])
    return here().experiments.find(experiment).render(body["parameters"], "/parameters")


async def open_notebook(
    experiment: str,
    notebook: dict[str, Any],
    parameters: dict[str, Any],
    token_info: dict[str, Any],
    pointer: str = "/parameters",
) -> Answer:
    """Launch, wait as asked for, and say where; `pointer` is where the parameters stood."""
    parts = here()
    request = NotebookRequest.parse(notebook)
    rendered = parts.experiments.find(experiment).render(parameters, pointer)
    key, seconds = _idempotency_key(), _seconds_to_wait()
    await parts.readiness.require()
    order = await acting.order(token_info)
    order = dataclasses.replace(order, key=key, parameters=parameters)
    launch = await parts.launches.open(order, rendered, request)
    if order.requested_by:
        _tell(launch, order)
    return await _answer(await parts.launches.ended(launch, seconds))


async def _answer(launch: Launch) -> Answer:
    status = {"Link": f'<{path_of(launch)}>; rel="status"'}
    if not launch.ended:
        headers = {**status, "Location": path_of(launch), "Retry-After": "2"}
        return await resource(launch), 202, headers
    if launch.state == "done":
        url = location(launch, here().settings.public_url(origin()))
        return {"location": url}, 200, status
    error = _error(launch)
    error.headers = status
    raise error


def _error(launch: Launch) -> LauncherError:
    if launch.problem:
        return from_problem(launch.problem)
    return Cancelled("The launch was cancelled before its notebook was in the home.")


def _tell(launch: Launch, order: Order) -> None:
    """Launches on somebody's behalf can be accounted for."""
    logs.audit(
        "launch_on_behalf",
        by=order.requested_by,
        by_kind="service",
        user=order.user,
        experiment=launch.experiment,
        launch_id=launch.id,
    )


def _idempotency_key() -> str | None:
    """The header Idempotency-Key (IETF draft), None without one; raises BadRequest."""
    key = sent("idempotency-key")
    if key and not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise BadRequest(
            "The header Idempotency-Key must be 1 to 255 visible characters of ASCII, such as a"
            " UUID."
        )
    return key or None


def _seconds_to_wait() -> float:
    """What the header Prefer (RFC 7240) asks for; what it does not hold well is passed over."""
    most = float(here().settings.wait_timeout)
    preferences: dict[str, str] = {}
    for preference in sent("prefer").lower().split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        preferences.setdefault(name.strip(), value.strip().strip('"'))
    wait = preferences.get("wait", "")
    if wait.isascii() and wait.isdigit() and len(wait) < 10:
        return min(most, float(wait))
    return 0.0 if "respond-async" in preferences else most


def _summary(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "title": experiment.title,
        "description": experiment.description,
        "parameters": experiment.schema,
    }
