"""Renders a notebook from a template and parameters. Values become literals, never code.

The tags are papermill's: the cell `parameters` has the defaults, and the cell
`injected-parameters` after it the values of the request.
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
from launcher.nesting import is_deeper_than

# Python 3.11 compiles at most 200 nested brackets
MAX_DEPTH = 100


def check_writable(parameters: Mapping[str, Any], pointer: str) -> None:
    """Raise BadRequest for names and values that cannot be written as assignments.

    `pointer` is the JSON pointer of the parameters in the request.
    """
    errors = []
    for name, value in parameters.items():
        if problem := problem_with(name) or _too_deep(value):
            field = schemas.pointer_to(pointer, name[:64])
            errors.append({"pointer": field, "detail": problem})
    if errors:
        raise schemas.refusal(errors)


def _too_deep(value: Any) -> str:
    # the values in the innermost of MAX_DEPTH lists are one more level
    if is_deeper_than(MAX_DEPTH + 1, value):
        return f"may have at most {MAX_DEPTH} nested lists and objects"
    return ""


def render(
    template: Template, experiment: str, parameters: Mapping[str, Any], shown: Mapping[str, Any]
) -> dict[str, Any]:
    """Render the notebook: adds a cell with assignments, and metadata about its origin.

    `shown` are the parameters without passwords, for the metadata.
    """
    notebook = deepcopy(dict(template.notebook))
    if parameters:
        notebook["cells"].insert(template.parameters_at, _injected(parameters))
    notebook["metadata"]["launcher"] = {
        "version": launcher.__version__,
        "experiment": experiment,
        "template_sha256": template.sha256,
        "parameters": dict(shown),
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
