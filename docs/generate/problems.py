"""The problem types, from the classes in `launcher/errors.py` and the advice in problems.yaml."""

from collections.abc import Iterator
from http import HTTPStatus
from inspect import getdoc
from pathlib import Path

import yaml

from launcher.errors import TYPE_PREFIX, LauncherError

ADVICE = Path(__file__).parents[1] / "problems.yaml"


def kinds() -> dict[str, type[LauncherError]]:
    """Every problem type by the end of its `type`."""
    return {kind.slug: kind for kind in _family(LauncherError)}


def _family(kind: type[LauncherError]) -> Iterator[type[LauncherError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


def advice() -> dict[str, str]:
    """What to do about each type; raises ValueError when a type has none, or is no type."""
    found: dict[str, str] = yaml.safe_load(ADVICE.read_text(encoding="utf-8"))
    if differ := found.keys() ^ kinds().keys():
        raise ValueError(f"{ADVICE.name} and launcher/errors.py differ in: {sorted(differ)}")
    return found


def markdown() -> str:
    """A section for each type, by status."""
    ordered = sorted(kinds().values(), key=lambda kind: (kind.status, kind.slug))
    return "\n".join(_section(kind) for kind in ordered)


def _section(kind: type[LauncherError]) -> str:
    status = f"{kind.status} {HTTPStatus(kind.status).phrase}"
    again = "yes" if kind.is_temporary else "no"
    return f"""\
### {kind.slug}

`{TYPE_PREFIX}{kind.slug}`

Status
: {status}

Meaning
: {getdoc(kind)}

What to do
: {advice()[kind.slug]}

The same `Idempotency-Key` starts a new launch
: {again}
"""
