"""The catalogue of experiments: folders with a notebook.py and a parameters.yaml."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher.errors import ConfigError, NotFound
from launcher.experiments import parameters as schema_files
from launcher.experiments import template as notebook_files
from launcher.experiments.faults import Fault, Unusable, shown
from launcher.experiments.render import check_writable, render
from launcher.experiments.template import Template
from launcher.links import passwords
from launcher.schemas import Checker

log = logging.getLogger("launcher")

OWN = Path(__file__).parent
NOTEBOOK, SCHEMA = "notebook.py", "parameters.yaml"
PICTURES = ("picture.svg", "picture.png", "picture.jpg", "picture.webp")
MAX_PICTURE = 500_000


@dataclass(frozen=True)
class Experiment:
    """A notebook that runs on its own, and the JSON Schema of its parameters."""

    name: str
    title: str
    description: str
    schema: Mapping[str, Any]
    template: Template
    checker: Checker
    picture: Path | None = None
    """The file of its picture, if it has one."""

    def render(self, parameters: dict[str, Any], pointer: str = "") -> dict[str, Any]:
        """Render the notebook with these parameters (nbformat 4.5); raises BadRequest.

        `pointer` is the JSON pointer (RFC 6901) of the parameters in the request.
        """
        self.checker.check(parameters, pointer)
        check_writable(parameters, pointer)
        shown = passwords.hidden(self.schema, parameters)
        return render(self.template, self.name, parameters, shown)


def load(folder: Path) -> Experiment | list[Fault]:
    """Load the experiment in a folder; returns its faults if it cannot be used."""
    file = shown(folder.name)
    try:
        _check_name(folder.name)
        file = f"{folder.name}/{SCHEMA}"
        schema = schema_files.read(_text(folder / SCHEMA))
        file = f"{folder.name}/{NOTEBOOK}"
        template = notebook_files.read(_text(folder / NOTEBOOK), schema)
    except Unusable as error:
        return [Fault(file, key, detail) for key, detail in error.problems]
    except Exception as error:
        # one file must not prevent the use of other experiments, whatever a library raises
        log.exception("an experiment cannot be read", extra={"file": file})
        reason = shown(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        return [Fault(file, "", f"cannot be used: {reason}")]
    return Experiment(
        name=folder.name,
        title=schema["title"],
        description=schema["description"].strip(),
        schema=schema,
        template=template,
        checker=Checker(schema),
        picture=_picture(folder),
    )


def _picture(folder: Path) -> Path | None:
    """The picture in a folder; one that is too large for a page is left out, and logged."""
    for name in PICTURES:
        path = folder / name
        if path.is_file():
            if path.stat().st_size <= MAX_PICTURE:
                return path
            log.warning("a picture is too large, and is left out", extra={"file": shown(str(path))})
    return None


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name):
        grammar = "lower-case letters, digits, - and _, a letter first, at most 64 characters"
        raise Unusable([("", f"has a name that is not allowed; rename the folder: {grammar}")])


def _text(path: Path) -> str:
    """The text of a file, without a byte order mark; raises Unusable."""
    try:
        if not path.is_file():
            rule = "an experiment is a notebook.py and a parameters.yaml"
            raise Unusable([("", f"is missing; {rule}")])
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unusable([("", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise Unusable([("", f"is not UTF-8 at byte {error.start}; save it as UTF-8")]) from error


class Catalogue:
    """All experiments of a launcher, by name."""

    def __init__(self, experiments: Iterable[Experiment], faults: Iterable[Fault] = ()) -> None:
        self._experiments = {experiment.name: experiment for experiment in experiments}
        self.faults = tuple(faults)
        """The faults of the folders that are left out."""

    @classmethod
    def load(cls, paths: Iterable[str | Path] = ()) -> "Catalogue":
        """Load the launcher's own experiments and those in `paths`; raises ConfigError.

        A folder that cannot be used is left out, and its faults are logged.
        """
        found: dict[str, Experiment] = {}
        faults: list[Fault] = []
        by_name: dict[str, Path] = {}
        for path in (OWN, *map(Path, paths)):
            for folder in _folders(path):
                first = by_name.setdefault(folder.name, folder)
                loaded = load(folder) if first is folder else [_duplicate(folder, first)]
                if isinstance(loaded, Experiment):
                    found[loaded.name] = loaded
                else:
                    faults += loaded
                    _log(folder, loaded)
        return cls((found[name] for name in sorted(found)), faults)

    def all(self) -> list[Experiment]:
        """All experiments, sorted by name."""
        return list(self._experiments.values())

    def has(self, name: str) -> bool:
        """Whether there is an experiment of that name."""
        return name in self._experiments

    def find(self, name: str) -> Experiment:
        """The experiment of that name; raises NotFound."""
        try:
            return self._experiments[name]
        except KeyError:
            raise NotFound(
                "There is no experiment with that name. The home page and GET /experiments"
                " list them."
            ) from None


def check_paths(paths: Iterable[str | Path]) -> None:
    """Raise ConfigError unless each path is a folder that can be read."""
    for path in paths:
        _folders(Path(path))


def _folders(path: Path) -> list[Path]:
    """The folders in `path` that contain a file of an experiment."""
    try:
        folders = sorted(folder for folder in path.iterdir() if folder.is_dir())
    except OSError as error:
        raise ConfigError(
            f"c.Launcher.experiment_paths contains {path}, which is not a folder that can be read."
        ) from error
    return [each for each in folders if _is_candidate(each)]


def _is_candidate(folder: Path) -> bool:
    try:
        return (folder / NOTEBOOK).exists() or (folder / SCHEMA).exists()
    except OSError:
        return True  # a folder that cannot be read is reported as a fault


def _duplicate(folder: Path, first: Path) -> Fault:
    owner = "of the launcher" if first.parent == OWN else "in an earlier path"
    detail = f"has the same name as an experiment {owner}; rename one of the folders"
    return Fault(shown(folder.name), "", detail)


def _log(folder: Path, faults: Iterable[Fault]) -> None:
    for fault in faults:
        fields = {"folder": shown(str(folder)), "file": fault.file, "key": fault.key}
        log.error("an experiment is left out", extra={**fields, "detail": str(fault)})
