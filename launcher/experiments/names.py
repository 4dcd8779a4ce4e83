"""Which names parameters may have: those of variables in Python."""

import keyword
import unicodedata


def problem_with(name: str) -> str:
    """Why a cell cannot assign to that name, or ''."""
    if not name.isidentifier():
        return "is not a name in Python (letters, digits and _, no digit first)"
    if keyword.iskeyword(name):
        return "is a word of Python itself"
    if name.startswith("__") and name.endswith("__"):
        return "is a name that Python keeps for itself (two _ on each side)"
    if unicodedata.normalize("NFKC", name) != name:
        # Python would make another name of it (PEP 3131)
        return "is a name that Python spells differently (Unicode NFKC)"
    return ""
