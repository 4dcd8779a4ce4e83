"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """What one check found."""

    status: Status
    detail: str
    """A sentence or two about it."""
    fix: str = ""
    """Lines to be put where their first line, a comment, says; '' when there are none."""
    name: str = ""
    """The check's name, which is filled in by whoever runs it."""


class Skip(Exception):
    """A check cannot be made; the message says why."""


def ok(detail: str) -> Result:
    """All is well."""
    return Result(Status.OK, detail)


def warning(detail: str, fix: str = "") -> Result:
    """The launcher works, and something is better changed."""
    return Result(Status.WARNING, detail, fix)


def failed(detail: str, fix: str = "") -> Result:
    """The launcher does not work, or not for everybody."""
    return Result(Status.FAILED, detail, fix)


def skipped(detail: str) -> Result:
    """The check could not be made."""
    return Result(Status.SKIPPED, detail)


def lines(*text: str) -> str:
    """A fix: the first line says in which file the others belong."""
    return "\n".join(text)
