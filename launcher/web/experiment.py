"""An experiment's page: its form, the preview, what can be shared, and the launch."""

import secrets
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.errors import LauncherError
from launcher.experiments import Experiment
from launcher.experiments.filling import Filling
from launcher.forms import Parsed, Problem
from launcher.launches.request import NotebookRequest
from launcher.links import signed
from launcher.links.passwords import has_passwords
from launcher.links.query import MAX_QUERY, NOTEBOOK, preview_query
from launcher.links.share import share
from launcher.web import opening, pages, renewal, signed_link
from launcher.web.draft import ENVIRONMENT, PLACE, TITLES, Draft, from_link, submitted
from launcher.web.environment_choice import EnvironmentChoice, choice
from launcher.web.launch import to_page
from launcher.web.visitors import Visitor, required, submitted_form
from launcher.web.visitors import visitor as known
from launcher.web.words import for_people

ACTIONS = ("launch", "preview", "share")


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of an experiment's page."""
    path = f"{prefix}/launch/{{experiment}}"
    return [
        Route(path, pages.shown(show), methods=["GET"]),
        Route(path, pages.shown(submit), methods=["POST"]),
    ]


def find(request: Request) -> Experiment:
    """The experiment in the address; raises NotFound."""
    name = request.path_params["experiment"]
    found: Experiment = request.state.parts.experiments.find(name)
    return found


async def show(request: Request) -> Response:
    """The form, filled in from the link; nothing is launched."""
    visitor = await required(request)
    experiment = find(request)
    pairs = request.query_params.multi_items()
    if signed.is_signed(pairs):
        return await signed_link.show(request, visitor, experiment)
    return await page(request, visitor, from_link(request.state.parts.filling, experiment, pairs))


async def submit(request: Request) -> Response:
    """What a button of the form does."""
    visitor = await known(request)
    if visitor is None:
        return await renewal.signed_out(request)
    sent = await submitted_form(request)
    draft = submitted(find(request), sent)
    action = str(sent.getlist("action")[-1] if "action" in sent else "launch")
    if not renewal.is_own(request, visitor, sent):
        renewal.renew(draft, action)
        return await page(request, visitor, draft, status=403)
    changed = draft.form.apply(draft.pairs, action)
    if changed is not None:
        draft.pairs = changed
        return await page(request, visitor, draft)
    if action not in ACTIONS:
        draft.message = "This button is not known. Nothing was launched."
        return await page(request, visitor, draft, status=400)
    parsed = draft.form.parse(draft.pairs)
    filling: Filling = request.state.parts.filling
    checked = opening.check(filling, draft.experiment, parsed.value, draft.notebook)
    if checked.errors or parsed.errors:
        draft.add_errors(checked.errors, parsed)
    if action == "share" and not draft.wrong:
        return await page(request, visitor, _shared(request, draft, parsed))
    if draft.problems or checked.notebook is None:
        return await page(request, visitor, draft, status=400)
    if action == "preview":
        return await page(request, visitor, _previewed(filling, draft, parsed))
    return await _launch(request, visitor, draft, checked.notebook, str(sent.get("key") or ""))


async def _launch(
    request: Request, visitor: Visitor, draft: Draft, notebook: NotebookRequest, key: str
) -> Response:
    try:
        environment = await opening.environment(request, visitor, draft.notebook)
    except LauncherError as error:
        draft.add_environment_error(error)
        return await page(request, visitor, draft, status=error.status)
    server = draft.notebook["server"]
    try:
        launch = await opening.begin(request, visitor, notebook, server, key, environment)
    except LauncherError as error:
        # nothing that was typed is lost
        draft.message = for_people(error.detail)
        return await page(request, visitor, draft, status=error.status)
    return to_page(request, launch)


def _previewed(filling: Filling, draft: Draft, parsed: Parsed) -> Draft:
    """Add the preview; its frame has an address, in which no password may be."""
    schema = draft.experiment.schema
    query = preview_query(schema, parsed.value, draft.notebook)
    draft.is_previewed = True
    if len(query) > MAX_QUERY:
        draft.note = "These parameters are too long for a preview. They can be launched."
        return draft
    if has_passwords(schema, parsed.value):
        pairs = parse_qsl(query, keep_blank_values=True)
        if opening.from_link(filling, draft.experiment, pairs).errors:
            draft.note = (
                "There is no preview of these parameters, because it would have to leave out a"
                " password that is needed. They can be launched."
            )
            return draft
        draft.note = "Passwords are left out of the preview. Other texts stand in their places."
    draft.preview = query
    return draft


def _shared(request: Request, draft: Draft, parsed: Parsed) -> Draft:
    """Add what can be shared; of a form that is not complete, the link and its badge."""
    is_complete, draft.problems = not draft.problems, []
    url = pages.own_url(request)
    draft.shared = share(
        url,
        f"{url}/static/badge.svg",
        experiment=draft.experiment.name,
        title=draft.experiment.title,
        schema=draft.experiment.schema,
        parameters=parsed.value,
        is_complete=is_complete,
        notebook={name: draft.notebook[name] for name in NOTEBOOK},
        defaults=opening.notebook_defaults(draft.experiment.name),
    )
    return draft


async def _environments(
    request: Request, visitor: Visitor, draft: Draft
) -> EnvironmentChoice | None:
    """The field Environment; adds what is wrong with it, unless that is known."""
    found = await choice(request.state.parts, visitor.identity.name, draft.notebook)
    is_known = any(problem.name == ENVIRONMENT for problem in draft.problems)
    if found and found.problem and not is_known:
        draft.problems.append(Problem(ENVIRONMENT, "", found.problem))
    elif found is None and any(draft.notebook[name] for name in ("entrypoint", "system")):
        draft.problems.append(Problem("", "", "This site has no environments to choose from"))
    return found


async def page(request: Request, visitor: Visitor, draft: Draft, status: int = 200) -> Response:
    """The page with the form as it is."""
    environments = await _environments(request, visitor, draft)
    control = draft.form.control(draft.pairs, draft.problems)
    errors = {problem.name: problem.sentence for problem in draft.problems}
    of_environment = [each.text for each in draft.problems if each.name == ENVIRONMENT]
    place_is_wrong = any(name.startswith(PLACE) for name in errors)
    return pages.page(
        request,
        "experiment.html",
        visitor=visitor,
        status=status,
        frame=bool(draft.preview),
        experiment=draft.experiment,
        control=control,
        problems=draft.problems,
        errors=errors,
        notebook=draft.notebook,
        environments=environments,
        environment_errors=of_environment,
        place_is_wrong=place_is_wrong,
        if_exists=opening.IF_EXISTS,
        titles=TITLES,
        preview=draft.preview,
        is_previewed=draft.is_previewed,
        note=draft.note,
        shared=draft.shared,
        message=draft.message,
        key=secrets.token_hex(16),
    )
