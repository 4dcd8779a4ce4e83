"""Names of files and folders in a zip file that are valid on any system."""

import itertools
import re
import unicodedata
from collections.abc import Iterable

MAX_BYTES = 200
_NOT_OF_A_NAME = re.compile(r"[^\w.@+-]+")
# of Windows, with any ending; and what programs take for an option
_NOT_ALONE = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?:\.|$)|-", re.IGNORECASE)


class Names:
    """Names in one folder, also of file systems that ignore the case of letters."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        """`reserved` names are those of other files."""
        self._used = {name.casefold() for name in reserved}

    def new(self, text: str) -> str:
        """A name like the text that is valid on any system, and not used yet."""
        safe = _safe(text)
        name = next(
            each
            for number in itertools.count(1)
            if (each := safe if number == 1 else f"{safe}-{number}").casefold() not in self._used
        )
        self._used.add(name.casefold())
        return name


def _safe(text: str) -> str:
    """The text with only such characters as file names may have, of at most MAX_BYTES."""
    name = _NOT_OF_A_NAME.sub("_", unicodedata.normalize("NFC", text)).strip(".")
    name = f"_{name}" if not name or _NOT_ALONE.match(name) else name
    return name.encode()[:MAX_BYTES].decode(errors="ignore").rstrip(".")
