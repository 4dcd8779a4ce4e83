"""Lines that launch what is filled in: a link, a badge, a curl command, Python."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.links import passwords
from launcher.links.places import Schema
from launcher.links.query import MAX_QUERY, form_address, link_query

# of LauncherClient.launch, beside the experiment's name
ARGUMENTS = {
    "directory",
    "filename",
    "workspace",
    "if_exists",
    "server",
    "entrypoint",
    "system",
    "user",
    "wait",
    "idempotency_key",
}


@dataclass(frozen=True)
class Shared:
    """What somebody can copy."""

    link: str
    """'' if it would be too long."""
    badge: str
    curl: str
    """'' of parameters that are not complete: the API would refuse them."""
    python: str
    """As `curl`; '' also if a parameter has the name of an argument of the Python client."""
    without_passwords: bool
    """Whether passwords were left out."""
    is_complete: bool = True


def share(
    url: str,
    badge_url: str,
    *,
    experiment: str,
    title: str,
    schema: Schema,
    parameters: Mapping[str, Any],
    notebook: Mapping[str, str],
    defaults: Mapping[str, str] | None = None,
    is_complete: bool = True,
) -> Shared:
    """The lines for an experiment of the launcher at `url`.

    The link leaves out the fields of the notebook that have their `defaults`. `is_complete`:
    whether the parameters can be launched as they are.
    """
    usual = defaults or {}
    chosen = {name: value for name, value in notebook.items() if value != usual.get(name)}
    query = link_query(schema, parameters, chosen)
    fits = len(query) <= MAX_QUERY
    link = form_address(url, experiment, query) if fits else ""
    shown = passwords.hidden(schema, parameters)
    fields = {name: value for name, value in notebook.items() if value}
    body = {"notebook": fields, "parameters": shown}
    return Shared(
        link=link,
        badge=f"[![Launch {_plain(title)}]({badge_url})]({link})" if fits else "",
        curl=_curl(url, experiment, body) if is_complete else "",
        python=_python(url, experiment, fields, shown) if is_complete else "",
        without_passwords=passwords.has_passwords(schema, parameters),
        is_complete=is_complete,
    )


def _curl(url: str, experiment: str, body: Mapping[str, Any]) -> str:
    text = shlex.quote(json.dumps(body, ensure_ascii=False))
    return (
        'curl -H "Authorization: token $HUB_TOKEN" \\\n'
        f"  -H 'Content-Type: application/json' -d {text} \\\n"
        f"  {url}/experiments/{experiment}"
    )


def _python(
    url: str, experiment: str, notebook: Mapping[str, str], parameters: Mapping[str, Any]
) -> str:
    if ARGUMENTS & parameters.keys():
        return ""
    arguments = [repr(experiment), *(f"{name}={value!r}" for name, value in notebook.items())]
    arguments += [f"{name}={value!r}" for name, value in parameters.items()]
    inner = "".join(f"        {argument},\n" for argument in arguments)
    return (
        "import os\n\n"
        "from launcher.client import LauncherClient\n\n"
        f'with LauncherClient({url!r}, token=os.environ["HUB_TOKEN"]) as launcher:\n'
        f"    location = launcher.launch(\n{inner}    )\n"
        "print(location)"
    )


def _plain(title: str) -> str:
    """A title without the characters that mean something in Markdown."""
    return "".join(letter for letter in title if letter not in "[]()`<>\\\n")
