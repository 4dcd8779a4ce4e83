"""Signed links: a confirmation at the first visit, a launch at once at later ones.

Nothing is launched by a GET: a script sends the form that a person would send.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.errors import LauncherError, LinkForged
from launcher.experiments import Experiment
from launcher.experiments.filling import Filling
from launcher.forms import title_of
from launcher.launches.request import NotebookRequest
from launcher.links import passwords, places, signed
from launcher.links.places import Schema
from launcher.links.signed import SignedLink
from launcher.parts import Parts
from launcher.store import link_confirmations
from launcher.web import opening, pages
from launcher.web.draft import from_link
from launcher.web.launch import to_page
from launcher.web.visitors import Visitor, changing
from launcher.web.words import for_people

Pairs = Sequence[tuple[str, str]]


def routes(prefix: str) -> list[BaseRoute]:
    """The route that launches what a signed link says."""
    path = f"{prefix}/launch/{{experiment}}/signed"
    return [Route(path, pages.shown(launch), methods=["POST"])]


async def show(request: Request, visitor: Visitor, experiment: Experiment) -> Response:
    """The page of a signed link; raises LinkForged, LinkExpired."""
    link = _verified(request, experiment)
    notebook = _notebook(request.state.parts.filling, experiment, link)
    confirmed = await request.state.parts.store.read(
        link_confirmations.exists, link.link_id, visitor.identity.name
    )
    return _page(request, visitor, experiment, link, notebook, at_once=confirmed)


async def launch(request: Request) -> Response:
    """Launch what the signed link in the address says, and remember that it was confirmed."""
    visitor, sent = await changing(request)
    experiment: Experiment = request.state.parts.experiments.find(request.path_params["experiment"])
    link = _verified(request, experiment)
    notebook = _notebook(request.state.parts.filling, experiment, link)
    named = dict(link.pairs)
    server = named.get("server", "")
    key = str(sent.get("key") or "")
    try:
        environment = await opening.environment(request, visitor, named)
        begun = await opening.begin(request, visitor, notebook, server, key, environment)
    except LauncherError as error:
        message = for_people(error.detail)
        return _page(
            request, visitor, experiment, link, notebook, message=message, status=error.status
        )
    await request.state.parts.store.run(link_confirmations.add, link.link_id, visitor.identity.name)
    return to_page(request, begun)


def _verified(request: Request, experiment: Experiment) -> SignedLink:
    """The signed link in the address; raises LinkForged, LinkExpired."""
    pairs = request.query_params.multi_items()
    key: bytes = request.state.parts.link_key
    return signed.verify(key, experiment.name, pairs, time.time())


def _notebook(filling: Filling, experiment: Experiment, link: SignedLink) -> NotebookRequest:
    """The notebook that the link stands for; raises LinkForged if it is not complete any more."""
    # a visit that launches at once must not destroy a file
    pairs = [pair for pair in link.pairs if pair != ("if_exists", "replace")]
    checked = opening.from_link(filling, experiment, pairs)
    if checked.notebook is None:
        draft = from_link(filling, experiment, pairs)
        draft.add_errors(checked.errors)
        raise LinkForged(
            f"This link does not fit the experiment any more: {draft.problems[0].text}. Ask for a"
            " new one."
        )
    return checked.notebook


def _page(
    request: Request,
    visitor: Visitor,
    experiment: Experiment,
    link: SignedLink,
    notebook: NotebookRequest,
    *,
    at_once: bool = False,
    message: str = "",
    status: int = 200,
) -> Response:
    return pages.page(
        request,
        "signed_link.html",
        visitor=visitor,
        status=status,
        experiment=experiment,
        values=list(
            _rows(experiment.schema, passwords.hidden(experiment.schema, notebook.parameters))
        ),
        path="/".join((*notebook.target.directory, notebook.target.filename)),
        server=dict(link.pairs).get("server", ""),
        environment=_environment(request.state.parts, link),
        expires=link.expires,
        query=request.url.query,
        at_once=at_once,
        message=message,
        key=secrets.token_hex(16),
    )


def _environment(parts: Parts, link: SignedLink) -> str:
    """The environment that the link names, for people; '' if it names none."""
    named = dict(link.pairs)
    entrypoint, system = named.get("entrypoint", ""), named.get("system", "")
    if not system:
        return entrypoint
    known = parts.registry.systems.get(system)
    return f"{entrypoint or 'as selected'} on {known.display_name if known else system}"


def _rows(
    schema: Schema, parameters: Mapping[str, Any], keys: tuple[str, ...] = (), around: str = ""
) -> Iterator[tuple[str, str]]:
    """The titles and values of all parameters, for people."""
    for key, value in parameters.items():
        place = (*keys, key)
        is_named = key in (places.schema_at(schema, keys) or {}).get("properties", {})
        title = title_of(places.schema_at(schema, place) or {}, key) if is_named else key
        title = f"{around}: {title}" if around else title
        if isinstance(value, dict) and value:
            yield from _rows(schema, value, place, title)
        else:
            yield title, _in_words(value)


def _in_words(value: Any) -> str:
    words = {True: "yes", False: "no", None: "no value"}
    if value is None or isinstance(value, bool):
        return words[value]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
