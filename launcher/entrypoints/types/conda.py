"""Conda environments."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from launcher.entrypoints import paths
from launcher.entrypoints.model import Expectation, HostReport, Report, System, Validator
from launcher.entrypoints.types.path import PathType, check_all, report_of
from launcher.spawn.specification import SpawnSpecification

# conda itself takes a directory with this file for an environment
HISTORY = "conda-meta/history"
COMMAND = "bin/jupyterhub-singleuser"


class CondaType(PathType):
    """A conda environment, whose own `jupyterhub-singleuser` is the server."""

    schema: Mapping[str, Any] = {
        "type": "object",
        "title": "Conda environment",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {
            "path": paths.schema(
                "Path of the environment",
                "The directory of a conda environment in which jupyterhub is installed, as the"
                " command conda env list shows it.",
                "/home/alice/.conda/envs/analysis",
            )
        },
    }

    async def validate(
        self, user: str, system: System, data: Mapping[str, Any], validator: Validator
    ) -> Report:
        """Check that it is a conda environment with an executable `jupyterhub-singleuser`."""
        command = Expectation(f"{data['path']}/{COMMAND}", executable=True)
        history = Expectation(f"{data['path']}/{HISTORY}")
        found = await check_all(user, system, validator, command, history)
        return report_of(found, advice=_advice(*found))

    def specification(self, data: Mapping[str, Any]) -> SpawnSpecification:
        """The environment's own command, in place of the spawner's, and the variables of conda."""
        return SpawnSpecification.from_json(
            {
                "command": {"argv": [f"{data['path']}/{COMMAND}"], "replaces": True},
                "environment": {
                    "CONDA_PREFIX": data["path"],
                    "CONDA_DEFAULT_ENV": _name(PurePosixPath(data["path"])),
                },
            }
        )


def _advice(command: HostReport, history: HostReport) -> str:
    if history.result and not command.result:
        return "Install the packages jupyterhub and jupyterlab in the environment."
    if command.result and not history.result:
        return "Name the directory of a conda environment."
    return ""


def _name(prefix: PurePosixPath) -> str:
    """The name of an environment as `conda activate` sets it."""
    return prefix.name if prefix.parent.name == "envs" else str(prefix)
