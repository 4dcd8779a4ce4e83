"""Unpacks and parses a saved notebook, which is not trusted. Runs in a rendering process only."""

import json
from typing import Any

from launcher.rendering import gzipped
from launcher.rendering.failures import INCOMPLETE, INVALID, NotebookUnusable
from launcher.rendering.limits import MAX_UNPACKED

_LONGEST_INTEGER = 18
"""Digits: such an integer fits in 64 bits."""


def read(packed: bytes) -> dict[str, Any]:
    """The JSON object in gzip data; raises NotebookUnusable."""
    # grows in place: b"".join would need the double
    content = bytearray()
    for part in gzipped.parts(packed, MAX_UNPACKED):
        content += part
    text = content.decode("utf-8-sig", "replace")
    try:
        found = json.loads(text, parse_int=_number, parse_constant=_nothing)
    except RecursionError as error:
        raise NotebookUnusable(INVALID) from error
    except ValueError as error:
        raise NotebookUnusable(INCOMPLETE) from error
    if not isinstance(found, dict):
        raise NotebookUnusable(INVALID)
    return found


def _number(digits: str) -> int | float:
    """Python refuses integers of thousands of digits; nothing that is shown needs them."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _nothing(constant: str) -> None:
    """NaN and Infinity are no JSON, but some kernels write them in outputs."""
