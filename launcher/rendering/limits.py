"""The bounds of a rendering."""

SECONDS = 10.0
CPU_SECONDS = 8
COUNTING_CPU_SECONDS = 2
MAX_MEMORY = 1024**3
"""Bytes of address space of one child."""
MAX_NOTEBOOK = 12 * 1024**2
MAX_PACKED = 12 * 1024**2
"""Bytes of a saved notebook as it is sent, compressed."""
MAX_UNPACKED = 32 * 1024**2
MAX_MEMBERS = 100
"""Members of the gzip data: each of them takes time, an empty one too."""
MAX_HTML = 16 * 1024**2
MAX_STATISTICS = 8 * 1024
MAX_AT_ONCE = 2
MAX_OF_ONE = 4
"""Notebooks of one user that may be rendered or wait at the same time, in one worker.

Those whose statistics are wanted count apart.
"""
WAIT_SECONDS = 20.0
START_SECONDS = 60.0
IDLE_SECONDS = 600.0
"""A rendering process needs 75 MB."""
