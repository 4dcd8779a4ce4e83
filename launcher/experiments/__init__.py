"""The catalogue: every folder with a notebook.py and a parameters.yaml is an experiment."""

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from launcher import schemas
from launcher.errors import ConfigError, NotFound
from launcher.experiments import render
from launcher.schemas import Checker

OWN = Path(__file__).parent


@dataclass(frozen=True)
class Experiment:
    """A notebook that runs on its own, and the JSON Schema of its parameters."""

    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    template: render.Template
    checker: Checker

    @classmethod
    def load(cls, folder: Path) -> "Experiment":
        """The experiment in a folder; raises ConfigError."""
        schema = _schema(folder / "parameters.yaml")
        return cls(
            name=folder.name,
            title=schema["title"],
            description=schema["description"].strip(),
            schema=schema,
            template=render.Template.load(folder / "notebook.py"),
            checker=Checker(schema),
        )

    def render(self, parameters: dict[str, Any], pointer: str = "") -> dict[str, Any]:
        """The notebook with these parameters (nbformat 4.5); raises BadRequest.

        `pointer` is where the parameters stood in what was sent (JSON pointer, RFC 6901).
        """
        self.checker.check(parameters, pointer)
        return self.template.render(self.name, parameters)


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(schema, dict):
        raise ConfigError(f"{path} must hold a JSON Schema.")
    for field in ("title", "description"):
        if not isinstance(schema.get(field), str):
            raise ConfigError(f"{path} has no {field}.")
    schema.setdefault("type", "object")
    schema.setdefault("properties", {})
    schema.setdefault("additionalProperties", False)
    if problem := schemas.problem_in(schema):
        raise ConfigError(f"{path} is not a JSON Schema that can be used: {problem}")
    if schema["type"] != "object":
        raise ConfigError(f"{path} must describe an object: a property for each parameter.")
    for name in schema["properties"]:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ConfigError(f"{path}: {name!r} cannot be the name of a parameter in Python.")
    return schema


class Catalogue:
    """All experiments of a launcher, by name."""

    def __init__(self, experiments: Iterable[Experiment]) -> None:
        self._experiments = {experiment.name: experiment for experiment in experiments}

    @classmethod
    def load(cls, paths: Iterable[str | Path] = ()) -> "Catalogue":
        """Our own experiments and those below `paths`; raises ConfigError."""
        folders: dict[str, Path] = {}
        for path in (OWN, *map(Path, paths)):
            for folder in _folders(path):
                if folder.name in folders:
                    raise ConfigError(
                        f"There are two experiments named {folder.name}: {folders[folder.name]} and"
                        f" {folder}. Rename one of the folders."
                    )
                folders[folder.name] = folder
        return cls(Experiment.load(folders[name]) for name in sorted(folders))

    def all(self) -> list[Experiment]:
        """Every experiment, by name."""
        return list(self._experiments.values())

    def find(self, name: str) -> Experiment:
        """The experiment of that name; raises NotFound."""
        try:
            return self._experiments[name]
        except KeyError:
            raise NotFound(
                "There is no experiment of that name. GET /experiments lists them."
            ) from None


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        raise ConfigError(f"c.Launcher.experiment_paths names {path}, which is not a folder.")
    folders = sorted(notebook.parent for notebook in path.glob("*/notebook.py"))
    for folder in folders:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", folder.name):
            raise ConfigError(
                f"{folder} cannot be an experiment: its name must be lower-case letters, digits, -"
                " and _, and begin with a letter."
            )
    return folders
