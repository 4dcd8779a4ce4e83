"""The depth of JSON values."""

from collections.abc import Iterable
from typing import Any


def is_deeper_than(levels: int, value: Any) -> bool:
    """Whether the value has more than this number of levels; a number or text has one."""
    level = [value]
    for _ in range(levels):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
