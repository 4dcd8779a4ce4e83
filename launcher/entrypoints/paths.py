"""Absolute paths in the data of an entrypoint: their schema, and why one is refused."""

import re
import unicodedata
from typing import Any

MAX_PATH = 1024

# batch systems and container engines paste commands into scripts and templates
_SHELL = r"""$`"'\\;&|<>*?!\[\](){}"""
_MEANS_SOMETHING = re.compile(f"[{_SHELL}]")
# linear: a slash is in no component
PATTERN = rf"^(?:/(?!\.{{1,2}}(?:/|$))[^/\x00-\x1f\x7f{_SHELL}]+)+$"
# scripts of some languages need these two between their letters
_JOINERS = "\u200c\u200d"


def schema(title: str, description: str, example: str) -> dict[str, Any]:
    """The JSON Schema of an absolute path."""
    return {
        "type": "string",
        "title": title,
        "description": description,
        "example": example,
        "minLength": 1,
        "maxLength": MAX_PATH,
        "pattern": PATTERN,
    }


def problem(path: str) -> str:
    """Why the path is refused, as the end of a sentence; '' for a valid one."""
    if not path or len(path) > MAX_PATH:
        return f"must be a path of 1 to {MAX_PATH} characters"
    if not path.startswith("/"):
        return "must be an absolute path, which begins with /"
    for character in path:
        if found := _refused(character):
            return found
    if path == "/":
        return "must not be the root directory; name a file or directory below it"
    if path.endswith("/"):
        return "must not end with /; leave that one out"
    if any(part in ("", ".", "..") for part in path[1:].split("/")):
        return "must not contain the components . and .., or two slashes in a row"
    return ""


def _refused(character: str) -> str:
    if _MEANS_SOMETHING.match(character):
        return (
            f"must not contain {character} because it has a meaning in shells and templates;"
            " spaces and letters of all languages are allowed"
        )
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cf" and character not in _JOINERS):
        return f"must not contain U+{ord(character):04X}, a control or invisible character"
    return ""


def is_below(path: str, roots: tuple[str, ...]) -> bool:
    """Whether a path without links is below one of the directories."""
    return any(path.startswith(root.rstrip("/") + "/") for root in roots)
