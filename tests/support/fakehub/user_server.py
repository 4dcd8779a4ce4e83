"""The proxy's routes to users' servers, and what such a server does before its contents API."""

import asyncio
from urllib.parse import unquote

from aiohttp import web

from fakehub import contents
from fakehub.responses import LOST, SILENT, as_json, hub_page, lose, page
from fakehub.state import Call, Server, User


async def answer(hub, request: web.BaseRequest, call: Call, path: str) -> web.StreamResponse:
    """What comes back from below /user/."""
    name, *rest = path.split("/")[2:]
    user = hub.find_user(unquote(name))
    server, rest = _route(user, rest) if user else (None, rest)
    if server is None:
        return _not_routed(call)
    if server.state == "dead":
        return page(503, "Service Unavailable")
    if rest == ["api"]:
        return as_json({"version": "2.21.1"})
    if not hub.opens(user, server, call):
        return _forbidden(user, call, rest)
    if hub.away and not server.token_seen:
        hub.gone(request)
        return as_json({"message": "Failed to connect to Hub API at 'http://10.1.2.3/'"}, 500)
    server.token_seen = True
    if rest == ["api", "sessions"]:
        return as_json(user.sessions)
    if rest[:2] != ["api", "contents"]:
        return page(404, "Jupyter Server")
    return await _scripted(hub, request, call, user, "/".join(rest[2:]).strip("/"))


def _route(user: User, rest: list[str]) -> tuple[Server | None, list[str]]:
    """The server that the proxy has the longest route to, and the path there; None without any."""
    named = user.servers.get(unquote(rest[0])) if rest and rest[0] else None
    if named and named.is_ready:
        return named, rest[1:]
    default = user.servers[""]
    return (default if default.is_ready else None), rest


def _not_routed(call: Call) -> web.Response:
    if call.method == "GET":
        return web.Response(status=302, headers={"Location": f"/hub{call.path}"})
    return hub_page(403)()


def _forbidden(user: User, call: Call, rest: list[str]) -> web.Response:
    """What a server says to a token that does not open it."""
    known = call.method == "GET" or call.token in user.server_tokens
    words = "Forbidden" if known else f"'_xsrf' argument missing from {call.method}"
    if rest[:1] == ["api"]:
        return as_json({"message": words, "reason": None}, 403)
    # below here would be a named server that does not run
    return page(404, "Jupyter Server") if known else page(403, words)


async def _scripted(hub, request, call: Call, user: User, path: str) -> web.StreamResponse:
    for scripted in user.answers:
        if scripted[0] != call.method:
            continue
        user.answers.remove(scripted)
        if scripted[1] is LOST:
            return lose(request)
        if scripted[1] is SILENT:
            await asyncio.Future()
        if scripted[1] == "carry out":
            await contents.answer(user, call, path, hub.rename_seconds)
            return lose(request)
        return scripted[1]()
    return await contents.answer(user, call, path, hub.rename_seconds)
