"""Forms that were filled in during a session that has ended: nothing that was typed is lost.

They launch nothing. What they show is what a link can fill in, too, and no password.
"""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from launcher.errors import Forbidden, NotFound, TooLarge, Unauthorized
from launcher.experiments import Experiment
from launcher.links.query import MAX_QUERY, form_address
from launcher.web import pages
from launcher.web.draft import PLACE, Draft, submitted
from launcher.web.visitors import (
    SignInRequired,
    Visitor,
    check_xsrf,
    sign_in_address,
    submitted_form,
)

# of somebody who is not signed in
MAX_UNKNOWN = 64 * 1024
_BUTTONS = {"launch": "Launch", "preview": "Preview", "share": "Share"}


def is_own(request: Request, visitor: Visitor, sent: FormData) -> bool:
    """Whether a page of the visitor's session sent the form."""
    try:
        check_xsrf(request, visitor, sent)
    except Forbidden:
        return False
    return True


def renew(draft: Draft, action: str) -> None:
    """Prepare the form for being shown again, in the visitor's session."""
    button = _BUTTONS.get(action, "the button")
    draft.message = f"Your session was renewed. Press {button} again."
    if draft.forget_passwords():
        draft.message += " Passwords have to be filled in again."


async def signed_out(request: Request) -> Response:
    """Lead to a sign-in that returns to the form, filled in.

    Raises SignInRequired, and Unauthorized if the form is too long to be kept.
    """
    try:
        sent = await submitted_form(request, MAX_UNKNOWN)
    except TooLarge as error:
        raise Unauthorized(
            "Your session has ended, and this form is too long to be kept. Sign in, in another tab;"
            " then go back in this one, and press the button again."
        ) from error
    form = request.url.path
    try:
        experiment: Experiment = request.state.parts.experiments.find(
            request.path_params["experiment"]
        )
    except NotFound as error:
        raise SignInRequired(sign_in_address(request, form)) from error
    draft = submitted(experiment, sent)
    query = draft.link_query()
    if len(query) <= MAX_QUERY:
        address = form_address(pages.settings_of(request).prefix, experiment.name, query)
        raise SignInRequired(sign_in_address(request, address))
    return _kept(request, draft)


def _kept(request: Request, draft: Draft) -> Response:
    """The page for what is too long for an address: it sends the form again after a sign-in."""
    places = [(f"{PLACE}/{name}", value) for name, value in draft.notebook.items()]
    return pages.page(
        request,
        "session_ended.html",
        visitor=None,
        status=401,
        pairs=[*draft.pairs, *places],
        form=request.url.path,
    )
