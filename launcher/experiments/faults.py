"""What keeps a folder from being an experiment."""

from collections.abc import Iterable
from dataclasses import dataclass

MAX_FAULTS = 10


@dataclass(frozen=True)
class Fault:
    """One thing to mend in a folder."""

    file: str
    """Below the folder that holds the experiments, such as `site/parameters.yaml`."""
    key: str
    """Where in that file: a JSON pointer (RFC 6901), or a cell; '' for all of it."""
    detail: str
    """What is wrong and what to do: the end of a sentence that begins with the key."""

    def __str__(self) -> str:
        return (
            f"{self.file}: {self.key} {self.detail}." if self.key else f"{self.file} {self.detail}."
        )


def shown(text: str) -> str:
    """The text in UTF-8, whatever a name in a file system or half a character makes of it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Unusable(Exception):
    """A file cannot be used; holds pairs of a key and a sentence's end."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = [(shown(key), detail) for key, detail in list(problems)[:MAX_FAULTS]]
        super().__init__("; ".join(f"{key} {detail}".strip() for key, detail in self.problems))
