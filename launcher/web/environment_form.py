"""The forms that add and edit an environment."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher.entrypoints import checks, needs, offers
from launcher.entrypoints.model import Entrypoint, EntrypointType
from launcher.errors import EntrypointRetired, Forbidden, LauncherError
from launcher.forms import Parsed
from launcher.forms.controls import TextControl
from launcher.links import passwords
from launcher.parts import Parts
from launcher.store import spawners
from launcher.web import pages, renewal
from launcher.web.environment_address import own, system_of, tab_address, to_tab
from launcher.web.environment_draft import NAME, SYSTEMS, TITLES, EntrypointDraft, submitted
from launcher.web.visitors import Visitor, required, submitted_form
from launcher.web.visitors import visitor as known


def routes(path: str) -> list[BaseRoute]:
    """The routes of the forms, below the path of the page Environments."""
    return [
        Route(f"{path}/add", pages.shown(show_new), methods=["GET"]),
        Route(f"{path}/add", pages.shown(add), methods=["POST"]),
        Route(f"{path}/{{entrypoint}}/edit", pages.shown(show_edit), methods=["GET"]),
        Route(f"{path}/{{entrypoint}}/edit", pages.shown(edit), methods=["POST"]),
    ]


async def show_new(request: Request) -> Response:
    """The form of a new entrypoint."""
    visitor = await required(request)
    draft = EntrypointDraft(_new_kind(request), None, "", [], [system_of(request).name])
    draft.pairs = draft.form.fill({})
    return await _page(request, visitor, draft)


async def add(request: Request) -> Response:
    """What a button of the form of a new entrypoint does."""
    visitor = await known(request)
    if visitor is None:
        return await _signed_out(request)
    return await _submit(request, visitor, _new_kind(request), None)


async def show_edit(request: Request) -> Response:
    """The form of an entrypoint."""
    visitor = await required(request)
    before = await own(request, visitor)
    draft = EntrypointDraft(_kind_of(request, before), before, before.name, [], [*before.systems])
    draft.pairs = draft.form.fill(before.data)
    return await _page(request, visitor, draft)


async def edit(request: Request) -> Response:
    """What a button of the form of an entrypoint does."""
    visitor = await known(request)
    if visitor is None:
        return await _signed_out(request)
    before = await own(request, visitor)
    return await _submit(request, visitor, _kind_of(request, before), before)


async def _submit(
    request: Request, visitor: Visitor, kind: EntrypointType, before: Entrypoint | None
) -> Response:
    sent = await submitted_form(request)
    draft = submitted(kind, before, sent)
    if not renewal.is_own(request, visitor, sent):
        draft.forget_passwords()
        draft.message = "Your session was renewed. Press the button again."
        return await _page(request, visitor, draft, status=403)
    action = str(sent.getlist("action")[-1] if "action" in sent else "save")
    changed = draft.form.apply(draft.pairs, action)
    if changed is not None:
        draft.pairs = changed
        return await _page(request, visitor, draft)
    return await _save(request, visitor, draft)


async def _save(request: Request, visitor: Visitor, draft: EntrypointDraft) -> Response:
    parsed = draft.form.parse(draft.pairs)
    if not draft.check(parsed):
        return await _page(request, visitor, draft, status=400)
    try:
        saved = await _stored(request, visitor, draft, parsed)
    except LauncherError as error:
        # nothing that was typed is lost
        draft.explain(error, parsed)
        return await _page(request, visitor, draft, status=error.status)
    return to_tab(request, f"environment-{saved.id}")


async def _stored(
    request: Request, visitor: Visitor, draft: EntrypointDraft, parsed: Parsed
) -> Entrypoint:
    """Add or change the entrypoint; raises as the registry does."""
    parts: Parts = request.state.parts
    user, before = visitor.identity.name, draft.before
    if before:
        return await parts.registry.edit(
            user, before.id, name=draft.name, data=parsed.value, systems=draft.systems
        )
    return await parts.registry.add(
        user, name=draft.name, type=draft.kind.name, data=parsed.value, systems=draft.systems
    )


def _new_kind(request: Request) -> EntrypointType:
    """The type that the query names, if users may add entrypoints of it.

    Raises NotFound, Forbidden.
    """
    parts: Parts = request.state.parts
    types = parts.registry.types
    name = request.query_params.get("type", "")
    if name not in types:
        raise checks.not_found("type of environments", name, types)
    if not types[name].mutable:
        raise Forbidden(
            f"This site manages the environments of the type {types[name].display_name} itself."
            " Select one of those that it offers."
        )
    return types[name]


def _kind_of(request: Request, entrypoint: Entrypoint) -> EntrypointType:
    """The type of an entrypoint that may be edited; raises EntrypointRetired, Forbidden."""
    parts: Parts = request.state.parts
    kind = parts.registry.types.get(entrypoint.type)
    if kind is None:
        raise EntrypointRetired(
            f"This site does not have the type {entrypoint.type} any more, so the environment can"
            " only be removed."
        )
    if offers.is_offered(entrypoint, kind):
        raise Forbidden("This site manages this environment itself, so it cannot be edited.")
    return kind


async def _signed_out(request: Request) -> Response:
    """The page that keeps what was filled in until its user has signed in again."""
    sent = await submitted_form(request, renewal.MAX_UNKNOWN)
    pairs = [(name, str(text)) for name, text in sent.multi_items() if name.find("/") >= 0]
    parts: Parts = request.state.parts
    if any(passwords.are_possible(kind.schema) for kind in parts.registry.types.values()):
        pairs = [pair for pair in pairs if pair[0] in TITLES]
    return pages.page(
        request,
        "session_ended.html",
        visitor=None,
        status=401,
        happened="saved",
        pairs=pairs,
        form=f"{request.url.path}?{request.url.query}",
    )


async def _page(
    request: Request, visitor: Visitor, draft: EntrypointDraft, status: int = 200
) -> Response:
    """The page with the form as it is."""
    parts: Parts = request.state.parts
    errors = {problem.name: problem.text for problem in draft.problems}
    name = TextControl(
        name=NAME,
        title=TITLES[NAME],
        description="As you want to see it in lists.",
        required=True,
        value=draft.name,
        errors=(errors[NAME],) if NAME in errors else (),
    )
    return pages.page(
        request,
        "environment_form.html",
        visitor=visitor,
        status=status,
        draft=draft,
        name=name,
        control=draft.form.control(draft.pairs, draft.problems),
        systems=list(parts.registry.systems.values()),
        cannot=await _cannot(parts, draft.kind),
        retired=_retired(parts, draft),
        systems_error=errors.get(SYSTEMS, ""),
        form_address=f"{request.url.path}?{request.url.query}",
        tab_address=tab_address(request),
    )


def _retired(parts: Parts, draft: EntrypointDraft) -> list[str]:
    """The systems of the entrypoint that are not configured any more; they stay."""
    before = draft.before.systems if draft.before else ()
    return [name for name in before if name not in parts.registry.systems]


async def _cannot(parts: Parts, kind: EntrypointType) -> set[str]:
    """The systems whose spawner cannot start servers in environments of the type."""
    fields = set(needs.usual_fields(kind))
    known_spawners = {
        name: await parts.store.read(spawners.find, name) for name in parts.registry.systems
    }
    return {name for name, each in known_spawners.items() if each and fields - {*each.fields}}
