"""Turns a template and parameters into a notebook. Values become literals, never code.

The tags are papermill's: the cell `parameters` holds the defaults, and the cell
`injected-parameters` after it what was asked for.
"""

import hashlib
import keyword
import sys
import uuid
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jupytext
import nbformat

import launcher
from launcher.errors import ConfigError

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# As ipykernel says it: where a notebook says anything else, JupyterLab writes what the kernel says
# and shows the notebook as changed. The version is right where servers use the launcher's Python;
# which one a user's kernel has is known only once it runs.
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": sys.version.split()[0],
}


@dataclass(frozen=True)
class Template:
    """A notebook in nbformat 4.5 without outputs, and where its parameters go."""

    notebook: Mapping[str, Any]
    parameters_at: int
    sha256: str

    @classmethod
    def load(cls, path: Path) -> "Template":
        """Read a script in jupytext's percent format; raises ConfigError."""
        try:
            text = path.read_text(encoding="utf-8")
            notebook = jupytext.reads(text, fmt="py:percent")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read as a notebook: {error}") from error
        tagged = [n for n, cell in enumerate(notebook.cells) if "parameters" in _tags(cell)]
        if len(tagged) > 1:
            raise ConfigError(f"{path} has {len(tagged)} cells tagged parameters; one is enough.")
        notebook.metadata = {
            "kernelspec": KERNEL,
            "language_info": LANGUAGE_INFO,
        }
        notebook.nbformat_minor = 5
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"
        nbformat.validate(notebook)
        return cls(
            notebook=_plain(notebook),
            parameters_at=tagged[0] + 1 if tagged else 0,
            sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
        )

    def render(self, experiment: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The notebook with a cell of assignments, and the record of what made it."""
        notebook = deepcopy(dict(self.notebook))
        if parameters:
            notebook["cells"].insert(self.parameters_at, _injected(parameters))
        notebook["metadata"]["launcher"] = {
            "version": launcher.__version__,
            "experiment": experiment,
            "template_sha256": self.sha256,
            "parameters": dict(parameters),
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        return notebook


def _tags(cell: Mapping[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _injected(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"injected-{uuid.uuid4().hex[:8]}",
        "metadata": {"tags": ["injected-parameters"]},
        "outputs": [],
        "source": "\n".join(_assignment(name, value) for name, value in parameters.items()),
    }


def _assignment(name: str, value: Any) -> str:
    """`name = literal`; the name comes from a schema, and is checked all the same."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigError(f"The parameter {name!r} is not a name that Python takes.")
    return f"{name} = {value!r}"
