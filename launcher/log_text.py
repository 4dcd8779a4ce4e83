"""Makes lines of a program's output safe to show, on a page or in a terminal."""

import re
import unicodedata
from collections.abc import Iterable

from launcher.redaction import SECRET, redact_secrets

MOST_CHARACTERS = 4096

# ECMA-48, 5.4 and 5.6, in their 7-bit and 8-bit forms: control strings (title, clipboard, links),
# control sequences (colours, cursor), and other escape sequences
_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
_NOT_PLAIN = re.compile(r"[^\t -~]")
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}KEY-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{1,40}-----")


def cleaned(lines: Iterable[str], secrets: Iterable[str] = ()) -> list[str]:
    """The lines without control characters, these secrets, and what looks like one."""
    found, in_key = [], False
    for line in map(_clean, lines):
        for secret in secrets:
            line = line.replace(secret, SECRET)
        in_key = in_key or _KEY_BEGINS.search(line) is not None
        found.append(SECRET if in_key else redact_secrets(line))
        in_key = in_key and _KEY_ENDS.search(line) is None
    return found


def _clean(line: str) -> str:
    """The line as a terminal would leave it, without what controls the terminal."""
    # a progress bar writes over itself
    line = line.rstrip("\r").rpartition("\r")[2]
    cut = line[:MOST_CHARACTERS]
    plain = _NOT_PLAIN.sub(_visible, _ESCAPES.sub("", cut))
    return f"{plain}…" if len(line) > len(cut) else plain


def _visible(found: re.Match[str]) -> str:
    """The character, or a replacement if it is invisible or cannot be encoded."""
    character = found[0]
    if character.isprintable() or character == "\u3000":
        return character
    return "\ufffd" if unicodedata.category(character) in ("Cs", "Co", "Cn") else ""
