"""Names of branches, tags and commits."""

import re

from launcher.errors import BadRequest

HEAD = "HEAD"
BRANCHES, TAGS = "refs/heads/", "refs/tags/"
MAX_BYTES = 255

_FULL_SHA = re.compile("[0-9a-fA-F]{40}")
_SHORT_SHA = re.compile("[0-9a-fA-F]{7,39}")
_FORBIDDEN = re.compile(r"[ ~^:?*\[\\]")


def is_full_sha(text: str) -> bool:
    """Whether a text is the full sha of a commit."""
    return bool(_FULL_SHA.fullmatch(text))


def is_short_sha(text: str) -> bool:
    """Whether a text may be the beginning of a commit's sha."""
    return bool(_SHORT_SHA.fullmatch(text))


def parse(text: str, pointer: str = "/ref") -> str:
    """The name of a branch or tag, a sha in lower case, or HEAD; raises BadRequest."""
    if is_full_sha(text):
        return text.lower()
    if found := problem(text):
        name = pointer.rpartition("/")[2]
        raise BadRequest(f"{name} {found}.", errors=[{"pointer": pointer, "detail": found}])
    return text


def parse_sha(text: str, pointer: str = "/commit_sha") -> str:
    """A sha of 7 to 40 digits, in lower case; raises BadRequest."""
    if is_full_sha(text) or is_short_sha(text):
        return text.lower()
    found = "must be 7 to 40 hexadecimal digits"
    name = pointer.rpartition("/")[2]
    raise BadRequest(f"{name} {found}.", errors=[{"pointer": pointer, "detail": found}])


def problem(text: str) -> str:
    """Why a text cannot be the name of a branch or tag, or '' (git-check-ref-format).

    Of what git allows, characters that do not show are refused; the checkout does so, too.
    """
    if not text:
        return "must not be empty"
    if text.startswith("-"):
        return "must not begin with '-'"
    if not text.isprintable():
        return "must not contain control or invisible characters"
    if len(text.encode("utf-8")) > MAX_BYTES:
        return f"must have at most {MAX_BYTES} bytes"
    if found := _FORBIDDEN.search(text):
        return f"must not contain {found[0]!r}"
    if ".." in text or "@{" in text or text == "@":
        return "must not contain '..' or '@{', and must not be '@'"
    parts = text.split("/")
    if "" in parts:
        return "must not begin or end with '/', or have two in a row"
    if any(part.startswith(".") or part.endswith(".lock") for part in parts) or text[-1] == ".":
        return "must not end with '.', or have a part that begins with '.' or ends with '.lock'"
    return ""
