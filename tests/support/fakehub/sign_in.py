"""The hub's sign-in form, and who a token or a session belongs to."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from fakehub.responses import as_json, page, refusal
from fakehub.state import Call, User
from fakehub.users_api import scopes_of_token

SESSION = "jupyterhub-hub-login"
FIELDS = '<input name="username"><input type="password" name="password">'
OTP = '<input id="otp_input" class="form-control" name="otp">'


async def login(hub, call: Call) -> web.Response:
    """The hub's page `login`, as `hub.login` says."""
    if hub.login == "redirect":
        return web.Response(status=302, headers={"Location": "/hub/oauth_login"})
    if hub.login == "oauth":
        return page(200, '<a href="/hub/oauth_login">Sign in with GitHub</a>', _xsrf="x")
    form = _form(hub)
    if call.method == "GET":
        return page(200, form, _xsrf=secrets.token_hex(8))
    while not hub.password_gate.is_set():
        await asyncio.sleep(0.01)
    if not _xsrf_fits(call):
        return page(403, "'_xsrf' argument missing from POST")
    return _check_password(hub, call, form)


def _form(hub) -> str:
    if hub.login not in ("form", "otp"):
        return hub.login
    fields = FIELDS + OTP * (hub.login == "otp")
    return f'<form action="/hub/login?next=" method="post">{fields}</form>'


def _check_password(hub, call: Call, form: str) -> web.Response:
    fields = parse_qs(call.body.decode(), keep_blank_values=True)
    username, password = (_as_tornado(fields[name][0]) for name in ("username", "password"))
    user = hub.users.get(username.strip().lower())
    if user is None or user.password != password:
        return page(hub.wrong_password_status, form)
    user.known = True
    answer = web.Response(status=302, headers={"Location": "/hub/home"})
    answer.set_cookie(SESSION, user.token, path="/hub/")
    return answer


def whoami(hub, call: Call) -> web.Response:
    """The model of the owner of a token, or of the session in a cookie."""
    token = call.token or _cookies(call).get(SESSION, "")
    if token == hub.token and not hub.token_refused:
        return as_json({"kind": "service", "name": "launcher", "scopes": hub.scopes})
    if token in hub.services:
        scopes, name = hub.services[token], hub.service_names[token]
        return as_json({"kind": "service", "name": name, "scopes": scopes})
    for user in hub.users.values():
        if secrets.compare_digest(user.token, token):
            return _user(user, user.scopes, user.hub_session)
        if token in user.server_tokens:
            own = ["custom:launcher:server"] if token in user.own_tokens else []
            return _user(user, [*scopes_of_token(user, user.server_tokens[token]), *own])
    return refusal(403, "Missing or invalid credentials.")


def _user(user: User, scopes: Sequence[str], session: str | None = None) -> web.Response:
    model = {"kind": "user", "name": user.name, "admin": False, "scopes": scopes}
    return as_json({**model, "groups": user.groups, "session_id": session})


def _xsrf_fits(call: Call) -> bool:
    sent = parse_qs(urlsplit(call.path).query).get("_xsrf", [""])[0]
    return bool(sent) and _cookies(call).get("_xsrf") == sent


def _as_tornado(text: str) -> str:
    """A field of a form as Tornado hands it over."""
    return re.sub(r"[\x00-\x08\x0e-\x1f]", " ", text)


def _cookies(call: Call) -> dict[str, str]:
    return {k: v.value for k, v in SimpleCookie(call.headers.get("Cookie", "")).items()}
