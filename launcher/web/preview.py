"""The preview of a notebook, in a frame without an origin."""

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from launcher.errors import BadRequest, LauncherError
from launcher.experiments import Experiment
from launcher.parts import Parts
from launcher.web import content_security, opening, pages, static_files
from launcher.web.draft import Draft
from launcher.web.visitors import visitor
from launcher.web.words import for_people


def routes(prefix: str) -> list[BaseRoute]:
    """The route of the frame."""
    return [Route(f"{prefix}/launch/{{experiment}}/preview", preview)]


async def preview(request: Request) -> Response:
    """The notebook that the query of a link stands for; errors are a page of the frame, too."""
    stylesheet = static_files.url(pages.settings_of(request).prefix, "notebook.css")
    try:
        return framed(await _rendered(request, stylesheet))
    except LauncherError as error:
        return framed(message(for_people(error.detail), stylesheet), error.status)


def framed(document: str, status: int = 200) -> HTMLResponse:
    """A document for a frame of the launcher's own pages."""
    headers = {"Content-Security-Policy": content_security.PREVIEW}
    return HTMLResponse(document, status, headers=headers)


async def _rendered(request: Request, stylesheet: str) -> str:
    known = await visitor(request)
    if known is None:
        raise BadRequest("Your session has ended. Open the page again.")
    parts: Parts = request.state.parts
    experiment: Experiment = parts.experiments.find(request.path_params["experiment"])
    checked = opening.from_link(parts.filling, experiment, request.query_params.multi_items())
    if checked.notebook is None:
        draft = Draft(experiment, [], checked.fields)
        draft.pairs = draft.form.fill(checked.values.parameters, checked.values.texts)
        draft.add_errors(checked.errors)
        raise BadRequest(f"{draft.problems[0].text}.")
    rendered = checked.notebook.rendered
    return await parts.renderer.render(rendered, stylesheet, known.identity.name)


def message(sentence: str, stylesheet: str) -> str:
    """A document for such a frame with one sentence."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Notebook</title>'
        f'<link rel="stylesheet" href="{html.escape(stylesheet, quote=True)}"></head>\n'
        f'<body class="notebook"><p>{html.escape(sentence)}</p></body></html>\n'
    )
