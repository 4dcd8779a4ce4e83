"""The line in a notebook that says which experiment and parameters made it."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

TAG = "launcher"
MAX_PARAMETERS = 8
MAX_VALUE = 60
# what may begin something in Markdown; JupyterLab also makes links of addresses, and formulas of $
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&:@])")


def add(notebook: dict[str, Any], title: str, parameters: Mapping[str, Any], link: str) -> None:
    """Put a cell with the line at the top of the notebook.

    `link` is the URL of the form with these parameters, '' if it is not known.
    """
    cell = {
        "cell_type": "markdown",
        "id": f"launcher-{uuid.uuid4().hex[:8]}",
        "metadata": {"tags": [TAG]},
        "source": line(title, parameters, link),
    }
    notebook["cells"].insert(0, cell)


def line(title: str, parameters: Mapping[str, Any], link: str) -> str:
    """The line as Markdown; nothing in titles and values is more than text."""
    named = list(_named(parameters))
    shown = ", ".join(f"`{name} = {value}`" for name, value in named[:MAX_PARAMETERS])
    more = f" and {len(named) - MAX_PARAMETERS} more" if len(named) > MAX_PARAMETERS else ""
    made_with = f" with {shown}{more}" if shown else ""
    date = datetime.now(UTC).date().isoformat()
    change = f" [Change the parameters]({_url(link)})" if link else ""
    return f"*Made from the experiment {_escaped(title)} on {date}{made_with}.*{change}"


def _named(parameters: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, str]]:
    """The names and abbreviated values of the parameters; dots reach into objects."""
    for key, value in parameters.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, Mapping) and value:
            yield from _named(value, inner)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield _code(inner), _code(text)


def _code(text: str) -> str:
    """A text for a code span (CommonMark, section 6.1): one line without backticks."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    short = plain if len(plain) <= MAX_VALUE else f"{plain[: MAX_VALUE - 1]}…"
    return short.replace("`", "'")


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _url(link: str) -> str:
    """The URL without what would end a link in Markdown."""
    return link.replace("(", "%28").replace(")", "%29").replace(" ", "%20").replace("<", "%3C")
