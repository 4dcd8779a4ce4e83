"""Checks a name and a password by signing in with the hub's own form.

The hub's authenticator decides, with its allow-lists and its normalization of names.
"""

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote, urljoin, urlsplit

from aiohttp import StreamReader

from launcher import outbound, urls
from launcher.errors import HubUnavailable, Unauthorized
from launcher.hub import Hub, login_page
from launcher.hub.users import Identity, from_answer
from launcher.outbound import OutboundError, Response

# a wrong password takes PAM 2 to 4 s, and LDAP may ask several servers
SIGN_IN_SECONDS = 60.0
# JupyterHub's page has 10 KB; a site's own template may embed pictures
MAX_PAGE_BYTES = 2**19
MAX_COOKIES = 20


class NoPasswords(Unauthorized):
    """The hub's users cannot sign in with a name and a password alone."""


@dataclass(frozen=True)
class LoginForm:
    """An open sign-in form of the hub: the cookies to be sent with the name and the password."""

    cookies: dict[str, str]


async def open_form(hub: Hub) -> LoginForm:
    """Open the hub's sign-in form; raises NoPasswords, HubUnavailable.

    With OAuth the page has a link and no field, or it redirects.
    """
    answer = await _call(hub, "GET", "login", {})
    if answer.status >= 404:  # as of a hub that is still starting
        raise hub.unavailable(f"its sign-in page has status {answer.status}")
    form = _password_form(hub, answer)
    cookies = _cookies(answer)
    if form is None or "_xsrf" not in cookies:
        raise NoPasswords(f"This hub's users do not sign in with a password here. {_INSTEAD}")
    if "otp" in form.names:
        raise NoPasswords(f"This hub asks for a one-time password. {_INSTEAD}")
    if any(field.required for field in form.fields if field.name not in ("username", "password")):
        raise NoPasswords(f"This hub asks for more than a name and a password. {_INSTEAD}")
    return LoginForm(cookies)


async def submit(hub: Hub, form: LoginForm, username: str, password: str) -> Identity | None:
    """Sign in; returns the user, None if the password is wrong.

    Raises NoPasswords, HubUnavailable.
    """
    cookies = form.cookies
    answer = await _call(
        hub,
        "POST",
        "login",
        cookies,
        query={"_xsrf": cookies["_xsrf"]},
        data={"username": username, "password": password},
    )
    if _is_wrong(hub, answer):
        return None
    if answer.status == 500:
        # such as an authenticator that fails for characters outside of ASCII
        raise HubUnavailable(
            "The hub failed while it checked the name and password. Try again, or use a token."
        )
    if answer.status == 200 and login_page.forms(answer.body):
        raise NoPasswords(f"This hub asks for more than a name and a password. {_INSTEAD}")
    if answer.status not in (302, 303):
        raise hub.unavailable(f"its sign-in form responds with status {answer.status}")
    identity = await _whoami(hub, cookies | _cookies(answer))
    if identity is None:
        # a custom page that asks for more; JupyterHub redirects only users who are signed in
        raise NoPasswords(f"This hub asks for more than a name and a password. {_INSTEAD}")
    return identity


_INSTEAD = (
    "Use a token instead: request one on the hub's page Token, and send it as"
    " 'Authorization: token …'."
)


def _is_wrong(hub: Hub, answer: Response) -> bool:
    """Whether the hub refused name and password: 403; before JupyterHub 5.3, the form again."""
    if answer.status in (401, 403) or _password_form(hub, answer):
        return True
    location = answer.headers.get("Location", "")
    return answer.status in (302, 303) and _is_login(hub, location)


def _password_form(hub: Hub, answer: Response) -> login_page.Form | None:
    """The form for a name and a password in the hub's page, if any."""
    if answer.status != 200:
        return None
    return next(
        (
            form
            for form in login_page.forms(answer.body)
            if {"username", "password"} <= form.names and _is_login(hub, form.action)
        ),
        None,
    )


def _is_login(hub: Hub, address: str) -> bool:
    """Whether an address, relative to the hub's sign-in page, is that page (on any host)."""
    login = urls.join(_base(hub), "login")
    try:
        path = urlsplit(urljoin(login, address)).path
    except ValueError:
        return False
    return unquote(path) == unquote(urlsplit(login).path)


async def _whoami(hub: Hub, cookies: dict[str, str]) -> Identity | None:
    headers = {"X-XSRFToken": cookies["_xsrf"]}
    return from_answer(hub, await _call(hub, "GET", "api/user", cookies, headers=headers))


def _base(hub: Hub) -> str:
    return hub.api_url.rstrip("/").removesuffix("/api")


async def _call(
    hub: Hub,
    method: str,
    path: str,
    cookies: dict[str, str],
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    data: dict[str, str] | None = None,
) -> Response:
    sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    try:
        async with outbound.stream(
            hub.session,
            method,
            urls.join(_base(hub), *path.split("/"), query=query),
            kind="hub.sign_in",
            headers={**sent, **(headers or {})} if cookies else headers,
            data=data,
            seconds=SIGN_IN_SECONDS,
            total=SIGN_IN_SECONDS,
        ) as response:
            return Response(response.status, response.headers, await _beginning(response.content))
    except OutboundError as error:
        raise hub.unavailable(str(error)) from error


async def _beginning(content: StreamReader) -> bytes:
    """The first MAX_PAGE_BYTES of a page."""
    body = bytearray()
    while len(body) < MAX_PAGE_BYTES and (chunk := await content.readany()):
        body += chunk
    return bytes(body[:MAX_PAGE_BYTES])


def _cookies(answer: Response) -> dict[str, str]:
    """The cookies that the hub sets, without those that it deletes (with an empty value)."""
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.getall("Set-Cookie", [])[:MAX_COOKIES]:  # type: ignore[attr-defined]
        try:
            jar.load(line)
        except CookieError:
            continue
    return {name: morsel.coded_value for name, morsel in jar.items() if morsel.value}
