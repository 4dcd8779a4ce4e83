"""The bounds of a rendering."""

SECONDS = 10.0
CPU_SECONDS = 8
MAX_MEMORY = 1024**3
"""Bytes of address space of one child."""
MAX_NOTEBOOK = 12 * 1024**2
MAX_HTML = 16 * 1024**2
MAX_AT_ONCE = 2
MAX_OF_ONE = 4
"""Notebooks of one user that may be rendered or wait at the same time, in one worker."""
WAIT_SECONDS = 20.0
START_SECONDS = 60.0
IDLE_SECONDS = 600.0
"""A rendering process needs 75 MB."""
