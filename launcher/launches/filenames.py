"""Which file name a notebook gets when the wanted one is taken."""

from collections.abc import Awaitable, Callable

from launcher.errors import ContentsFailed
from launcher.store.launches import Notebook
from launcher.urls import HomePath

# the user's server says whether a name is taken, and may say yes for ever
MAX_NAMES = 100
# jupyter_server writes a file name of 245 bytes and more, and then fails on its checkpoint
MAX_NAME_BYTES = 244


def candidate(filename: str, number: int) -> str:
    """The name to try after `number` others: experiment.ipynb, experiment-1.ipynb, …"""
    stem = filename.removesuffix(".ipynb")
    return f"{stem}-{number}.ipynb" if number else filename


async def first_free(taken: Callable[[int], Awaitable[bool]], after: int) -> int:
    """A number above `after` that is not taken, found with O(log n) calls.

    Ends when `taken` says so, or with what it raises.
    """
    low, step = after, 1
    while await taken(low + step):
        low, step = low + step, 2 * step
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if await taken(middle):
            low = middle
        else:
            high = middle
    return high


class CandidateNames:
    """The file names that a launch tries, at most MAX_NAMES."""

    def __init__(self, notebook: Notebook) -> None:
        self._directory = tuple(notebook.directory.split("/"))
        self._filename = notebook.filename
        self._left = MAX_NAMES

    def path(self, number: int) -> HomePath:
        """The path to try after `number` others; raises ContentsFailed after MAX_NAMES."""
        self._left -= 1
        name = candidate(self._filename, number)
        if self._left < 0 or len(name.encode("utf-8")) > MAX_NAME_BYTES:
            raise ContentsFailed(
                f"No free name was found for {self._filename}: the server says that each one is"
                " taken. Choose another name or directory."
            )
        return (*self._directory, name)
