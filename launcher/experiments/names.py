"""Checks the names of parameters, which become variables in Python."""

import keyword
import unicodedata


def problem_with(name: str) -> str:
    """Why a cell cannot assign to that name, or '' if it can."""
    if not name.isidentifier():
        return "is not a name in Python (letters, digits and _, no digit first)"
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    if name.startswith("__") and name.endswith("__"):
        return "is a name that is reserved by Python (two _ on each side)"
    if unicodedata.normalize("NFKC", name) != name:
        # PEP 3131
        return "is a name that Python normalizes to another one (Unicode NFKC)"
    return ""
