"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """What one check found."""

    status: Outcome
    detail: str
    """A sentence or two about it."""
    fix: str = ""
    """Lines to add to the file that the first line, a comment, names; '' if there are none."""
    name: str = ""
    """The check's name, set by `run`."""


class Skip(Exception):
    """A check cannot be made; the message says why."""


def ok(detail: str) -> Result:
    """The result of a check that passed."""
    return Result(Outcome.OK, detail)


def warning(detail: str, fix: str = "") -> Result:
    """The result for a launcher that works with a configuration that should be changed."""
    return Result(Outcome.WARNING, detail, fix)


def failed(detail: str, fix: str = "") -> Result:
    """The result for a launcher that does not work, or not for all users."""
    return Result(Outcome.FAILED, detail, fix)


def skipped(detail: str) -> Result:
    """The result of a check that could not run."""
    return Result(Outcome.SKIPPED, detail)


def lines(*text: str) -> str:
    """A fix: the first line names the file for the others."""
    return "\n".join(text)
