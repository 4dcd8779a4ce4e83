"""A Sphinx extension that puts generated text into pages.

A line `<!-- generate: NAME WORDS -->` of a page is replaced by the Markdown that the function of
that name returns. The text comes from the code itself, so that nothing is written twice.
"""

import re
from collections.abc import Callable
from typing import Any

from generate import api, commands, experiments, problems, settings

MARKER = re.compile(r"^<!-- generate: (\w+) ?([^>]*?) ?-->$", re.MULTILINE)

GENERATORS: dict[str, Callable[..., str]] = {
    "api": api.markdown,
    "command": commands.markdown,
    "experiments": experiments.markdown,
    "problems": problems.markdown,
    "settings": settings.markdown,
}


def fill(text: str) -> str:
    """The page with its markers replaced; raises KeyError for a name that is not known."""
    return MARKER.sub(lambda found: GENERATORS[found[1]](*found[2].split()), text)


def _fill_source(app: Any, page: str, source: list[str]) -> None:
    source[0] = fill(source[0])


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _fill_source)
    # pages depend on more than their own file
    app.connect("env-get-outdated", lambda app, env, *changes: list(env.found_docs))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
