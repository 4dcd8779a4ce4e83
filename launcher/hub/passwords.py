"""Checks a name and a password by signing in at the hub's own form.

So whatever authenticator the hub uses decides, with its allow-lists and its spelling of names.
"""

from http.cookies import CookieError, SimpleCookie

from launcher import outbound, urls
from launcher.errors import HubUnavailable, Unauthorized
from launcher.hub import Hub, unavailable
from launcher.hub.users import Identity, from_answer
from launcher.outbound import Answer, Unreachable

# a wrong password takes PAM 2 to 4 s, and LDAP may ask several servers
SIGN_IN_SECONDS = 60.0


class NoPasswords(Unauthorized):
    """The hub's users sign in without a password that a form could take."""


async def verify(hub: Hub, username: str, password: str) -> Identity | None:
    """Who signs in with these, None when they are wrong; raises NoPasswords, HubUnavailable."""
    cookies = await _open_form(hub)
    answer = await _call(
        hub,
        "POST",
        "login",
        cookies,
        query={"_xsrf": cookies["_xsrf"]},
        data={"username": username, "password": password},
    )
    # wrong: 403 with the form; before JupyterHub 5.3 the form alone, with 200
    if answer.status in (401, 403) or _is_form(answer):
        return None
    if answer.status == 500:
        # such as an authenticator that stumbles over letters outside ASCII
        raise HubUnavailable(
            "The hub failed while it checked the name and password. Try again, or use a token."
        )
    if answer.status != 302:
        raise unavailable()
    cookies |= _cookies(answer)
    return await _whoami(hub, cookies)


async def _open_form(hub: Hub) -> dict[str, str]:
    """The form's cookies. With OAuth the page has a link and no field, or it redirects."""
    answer = await _call(hub, "GET", "login", {})
    if answer.status >= 500:
        raise unavailable()
    cookies = _cookies(answer)
    if _is_form(answer) and "_xsrf" in cookies:
        return cookies
    if answer.status == 404:
        raise unavailable()  # the hub is still starting
    raise NoPasswords(
        "This hub's users do not sign in with a password here. Use a token instead: make one on the"
        " hub's page Token and send it as 'Authorization: token …'."
    )


def _is_form(answer: Answer) -> bool:
    return answer.status == 200 and b'name="password"' in answer.body


async def _whoami(hub: Hub, cookies: dict[str, str]) -> Identity | None:
    headers = {"X-XSRFToken": cookies["_xsrf"]}
    return from_answer(await _call(hub, "GET", "api/user", cookies, headers=headers))


async def _call(
    hub: Hub,
    method: str,
    path: str,
    cookies: dict[str, str],
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    data: dict[str, str] | None = None,
) -> Answer:
    base = hub.api_url.rstrip("/").removesuffix("/api")
    sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    try:
        return await outbound.fetch(
            hub.session,
            method,
            urls.join(base, *path.split("/"), query=query),
            kind="hub.sign_in",
            headers={**sent, **(headers or {})} if cookies else headers,
            data=data,
            seconds=SIGN_IN_SECONDS,
        )
    except Unreachable as error:
        raise unavailable() from error


def _cookies(answer: Answer) -> dict[str, str]:
    """What the hub sets; a cookie that it deletes has no value."""
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.getall("Set-Cookie", []):  # type: ignore[attr-defined]
        try:
            jar.load(line)
        except CookieError:
            continue
    return {name: morsel.coded_value for name, morsel in jar.items() if morsel.value}
