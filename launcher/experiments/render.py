"""Turns a template and parameters into a notebook. Values become literals, never code.

The tags are papermill's: the cell `parameters` holds the defaults, and the cell
`injected-parameters` after it what was asked for.
"""

import uuid
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import launcher
from launcher import schemas
from launcher.experiments.names import problem_with
from launcher.experiments.template import Template

# Python 3.11 compiles 200 brackets inside each other; the dictionary around them is one more
MAX_DEPTH = 100


def check_writable(parameters: Mapping[str, Any], pointer: str) -> None:
    """Raise BadRequest for names and values that cannot be written as assignments."""
    errors = []
    for name, value in parameters.items():
        if problem := problem_with(name) or _too_deep(value):
            field = schemas.pointer_to(pointer, name[:64])
            errors.append({"pointer": field, "detail": problem})
    if errors:
        raise schemas.refusal(errors)


def _too_deep(value: Any) -> str:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return ""
    return f"may hold at most {MAX_DEPTH} lists and objects inside each other"


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def render(template: Template, experiment: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook with a cell of assignments, and the record of what made it."""
    notebook = deepcopy(dict(template.notebook))
    if parameters:
        notebook["cells"].insert(template.parameters_at, _injected(parameters))
    notebook["metadata"]["launcher"] = {
        "version": launcher.__version__,
        "experiment": experiment,
        "template_sha256": template.sha256,
        "parameters": dict(parameters),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return notebook


def _injected(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"injected-{uuid.uuid4().hex[:8]}",
        "metadata": {"tags": ["injected-parameters"]},
        "outputs": [],
        "source": "\n".join(f"{name} = {value!r}" for name, value in parameters.items()),
    }
