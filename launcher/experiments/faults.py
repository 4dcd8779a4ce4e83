"""Faults: the reasons why a folder cannot be used as an experiment."""

from collections.abc import Iterable
from dataclasses import dataclass

MAX_FAULTS = 10


@dataclass(frozen=True)
class Fault:
    """One thing to correct in a folder."""

    file: str
    """Relative to the folder of experiments, such as `site/parameters.yaml`."""
    key: str
    """The place in the file: a JSON pointer (RFC 6901) or a cell; '' for the whole file."""
    detail: str
    """What is wrong and what to do: the end of a sentence that begins with the key."""

    def __str__(self) -> str:
        return (
            f"{self.file}: {self.key} {self.detail}." if self.key else f"{self.file} {self.detail}."
        )


def shown(text: str) -> str:
    """The text without surrogates, so that it can be encoded as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Unusable(Exception):
    """A file cannot be used; `problems` holds pairs of a key and the end of a sentence."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = [(shown(key), detail) for key, detail in list(problems)[:MAX_FAULTS]]
        super().__init__("; ".join(f"{key} {detail}".strip() for key, detail in self.problems))
