"""Who looks at a page, and the forms that they submit."""

import asyncio
from urllib.parse import parse_qsl, quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from launcher.auth.browser import XSRF_HEADER, Browsers, Visitor
from launcher.auth.sessions import cookies
from launcher.errors import BadRequest, RequestTimeout, TooLarge, Unauthorized

MAX_FORM = 1024 * 1024
MAX_FIELDS = 20_000
FORM_SECONDS = 30.0
# longer addresses, quoted or sealed, do not fit into a request line of the sign-in
MAX_NEXT = 4_500
# the ends of addresses of buttons, which the address of their page precedes
VERBS = ("again", "cancel", "signed", "notebooks", "launches")
# and of those whose page has the same address
OWN_PAGE = ("environments", "add", "edit", "remove", "projects", "tokens")

__all__ = [
    "SignInRequired",
    "Visitor",
    "changing",
    "check_xsrf",
    "forget_planted",
    "page_address",
    "required",
    "required_for_image",
    "sign_in_address",
    "submitted_form",
    "visitor",
]


class SignInRequired(Exception):
    """The page needs a session; `location` is where one begins."""

    def __init__(self, location: str) -> None:
        super().__init__("Sign in to see this page.")
        self.location = location


async def visitor(request: Request) -> Visitor | None:
    """The user of the request's session, or None; raises Forbidden, HubUnavailable."""
    if not hasattr(request.state, "visitor"):
        browsers: Browsers = request.state.parts.browsers
        request.state.visitor = await browsers.visitor(request)
    found: Visitor | None = request.state.visitor
    return found


async def required(request: Request) -> Visitor:
    """The user of the request's session; raises SignInRequired, and as `visitor` does."""
    found = await visitor(request)
    if found is None:
        raise SignInRequired(sign_in_address(request))
    return found


async def required_for_image(request: Request) -> None:
    """Raise SignInRequired without a session; for images, which scripts of any page may read."""
    browsers: Browsers = request.state.parts.browsers
    if await browsers.visitor(request, for_scripts=True) is None:
        raise SignInRequired(sign_in_address(request))


async def changing(request: Request) -> tuple[Visitor, FormData]:
    """The user and the form of a request that changes something; checks its XSRF token.

    Raises Unauthorized, Forbidden, TooLarge, HubUnavailable.
    """
    found = await visitor(request)
    if found is None:
        raise Unauthorized("Your session has ended. Sign in, and repeat what you did.")
    form = await submitted_form(request)
    check_xsrf(request, found, form)
    return found, form


def check_xsrf(request: Request, found: Visitor, form: FormData) -> None:
    """Raise Forbidden unless a page of the visitor's session sent the form."""
    given = request.headers.get(XSRF_HEADER) or str(form.get("_xsrf") or "")
    browsers: Browsers = request.state.parts.browsers
    browsers.check_xsrf(found, given)


def page_address(request: Request) -> str:
    """The path and query of the page of a request: for a button, the page that has it."""
    path, query = request.url.path, request.url.query
    if request.method not in ("GET", "HEAD") and path.rpartition("/")[2] not in OWN_PAGE:
        before, _, verb = path.rpartition("/")
        home = f"{request.state.parts.settings.prefix}/home/"
        path = before if verb in VERBS else home
        query = query if verb in VERBS else ""
    return f"{path}?{query}" if query else path


def sign_in_address(request: Request, back: str = "") -> str:
    """The address of a sign-in that returns to `back`, else to the page of this request.

    Raises BadRequest.
    """
    prefix = request.state.parts.settings.prefix
    back = back or page_address(request)
    if len(back) > MAX_NEXT:
        raise BadRequest(
            f"This address has more than {MAX_NEXT} characters. Sign in before you open it."
        )
    return f"{prefix}/home/sign-in?next={quote(back, safe='')}"


def forget_planted(request: Request, response: Response) -> None:
    """Delete cookies with the session's name that a page of a user's server set on our paths.

    Several cookies are no session, so the sign-in would go on for ever.
    """
    browsers: Browsers = request.state.parts.browsers
    name = browsers.sessions.cookie_name
    if len(cookies(request.headers.getlist("cookie")).get(name, [])) < 2:
        return
    own = f"{request.state.parts.settings.prefix}/"
    path = request.url.path.rstrip("/")
    while path:
        for planted in {path, f"{path}/"} - {own}:
            response.delete_cookie(name, planted)
        path = path.rpartition("/")[0]
    if own != "/":
        response.delete_cookie(name, "/")


async def submitted_form(request: Request, most: int = MAX_FORM) -> FormData:
    """The fields of the form, of at most so many bytes.

    Raises BadRequest, RequestTimeout, TooLarge.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest("Send the form as application/x-www-form-urlencoded.")
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await _body(request, most)
    except TimeoutError as error:
        raise RequestTimeout(
            f"The form did not arrive within {FORM_SECONDS:.0f} seconds. Send it again."
        ) from error
    try:
        text = body.decode("ascii")
        pairs: list[tuple[str, str | UploadFile]] = []
        pairs += parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadRequest("The form cannot be read: it has too many fields.") from error
    return FormData(pairs)


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"The form may have at most {most // 1024} KiB.")
    return bytes(body)
