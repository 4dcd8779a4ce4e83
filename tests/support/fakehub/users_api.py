"""The hub's REST API below /users: the user's model, servers, tokens and progress streams."""

import asyncio
import json
import re
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, unquote, urlsplit

from aiohttp import web

from fakehub.responses import as_json, refusal
from fakehub.state import Call, Server, Start, User

VALID_NAME = re.compile(r"(?=.{1,30}$)[a-z](?:-?[a-z0-9])*")  # from JupyterHub 6 on
NO_GROUPS = "Action is not authorized with current scopes"
NO_NAMED_SERVERS = "Named servers are not enabled."


async def answer(hub, request: web.BaseRequest, call: Call, path: str) -> web.StreamResponse:
    """What the hub says to a call of its API with the launcher's token."""
    if hub.token_refused or call.headers.get("Authorization") != f"token {hub.token}":
        return refusal(403, "Missing or invalid credentials.")
    kind, name, *rest = [unquote(segment) for segment in path.split("/")[3:]]
    if call.method == "GET" and kind == "groups" and not rest:
        return _group(hub, name)
    user = hub.users.get(name) if kind == "users" else None
    if call.method == "POST" and rest == ["tokens"]:
        return _make_token(hub, user, json.loads(call.body))
    if user is None or not user.known:
        return refusal(404, None)
    if call.method == "GET" and not rest:
        return as_json(_user_model(user, call))
    if rest[:1] not in (["server"], ["servers"]):
        return refusal(405, "Method Not Allowed")
    server, rest = _server_name(rest)
    match call.method, rest:
        case "GET", [] if hub.major_version >= 6:
            known = user.servers.get(server)
            return as_json(_server_model(user, known)) if known else refusal(404, None)
        case "POST", []:
            return await _start(hub, user, server, json.loads(call.body or b"null"))
        case "DELETE", []:
            return await stop(hub, user, server, json.loads(call.body or b"null") or {})
        case "GET", ["progress"]:
            return await _progress(hub, request, user, server)
    return refusal(405, "Method Not Allowed")


def _server_name(rest: list[str]) -> tuple[str, list[str]]:
    """The server that the end of a path is about, and what follows."""
    if rest[:1] == ["servers"]:
        return rest[1], rest[2:]
    return "", rest[1:]


# models


def _group(hub, name: str) -> web.Response:
    members = sorted(user.name for user in hub.users.values() if name in user.groups)
    scopes = [scope for scope in hub.scopes if scope.startswith("read:groups")]
    if not scopes:
        return refusal(403, NO_GROUPS)
    if not {"read:groups", f"read:groups!group={name}"}.intersection(scopes) or not members:
        return refusal(404, None)
    return as_json({"kind": "group", "name": name, "users": members})


def _user_model(user: User, call: Call) -> dict:
    query = parse_qs(urlsplit(call.path).query)
    with_stopped = query.get("include_stopped_servers", ["0"])[0] not in ("0", "false")
    for server in list(user.servers.values()):
        _go_on_stopping(user, server)
    servers = {
        name: _server_model(user, server)
        for name, server in user.servers.items()
        if with_stopped or server.state != "stopped"
    }
    return {"name": user.name, "kind": "user", "servers": servers}


def _go_on_stopping(user: User, server: Server) -> None:
    if server.state != "stopping":
        return
    server.polls_until_stopped -= 1
    if server.polls_until_stopped <= 0:
        server.state = "stopped"
        if server.removed_when_stopped:
            del user.servers[server.name]


def _server_model(user: User, server: Server) -> dict:
    progress = f"{(server.name and f'servers/{_quoted(server.name)}') or 'server'}/progress"
    return {
        "name": server.name,
        "display_name": server.name,
        "full_name": f"{user.name}/{server.name}",
        "last_activity": server.started,
        "started": server.started if server.state != "stopped" else None,
        "pending": server.pending,
        "ready": server.is_ready,
        "stopped": server.state == "stopped",
        "url": url_of(user, server),
        "user_options": {},
        "progress_url": f"/hub/api/users/{_quoted(user.name)}/{progress}",
    }


def url_of(user: User, server: Server) -> str:
    """The path of a server behind the proxy."""
    name = f"{_quoted(server.name)}/" if server.name else ""
    return f"/user/{_quoted(user.name)}/{name}"


def _quoted(segment: str) -> str:
    return quote(segment, safe="@~")


def _log_name(user: User, server: Server) -> str:
    return f"{user.name}:{server.name}" if server.name else user.name


# tokens


def _make_token(hub, user: User | None, wanted: dict) -> web.Response:
    if user is None or not user.known or not user.may_be_opened:
        return refusal(403, "Service nobody not found or no permissions to generate tokens")
    seconds, scopes = wanted["expires_in"], wanted["scopes"]
    if hub.most_seconds and seconds > hub.most_seconds:
        return refusal(400, f"token expires_in: {seconds} must not exceed {hub.most_seconds}")
    [scope] = scopes
    before, found, server = scope.partition(f"access:servers!server={user.name}/")
    assert found
    assert not before
    assert wanted == {"scopes": scopes, "expires_in": seconds, "note": "launcher"}
    token = secrets.token_hex(16)
    if hub.revoking:
        hub.revoking -= 1
    else:
        user.server_tokens[token] = server
    made = {"token": token, "scopes": scopes_of_token(user, server)}
    return as_json({**made, "expires_at": "2030-01-01T00:00:00Z"}, 201)


def scopes_of_token(user: User, server: str) -> list[str]:
    """What a token that opens a server may do: the hub adds reading who the user is."""
    identify = [f"read:users:{what}!user={user.name}" for what in ("name", "groups")]
    return [f"access:servers!server={user.name}/{server}", *identify]


# starts and stops


def _refused_name(hub, user: User, name: str) -> web.Response | None:
    """Why there may be no such named server, as the hub says it."""
    if not hub.allow_named_servers:
        return refusal(400, NO_NAMED_SERVERS)
    if name in user.servers:
        return None
    most = hub.named_server_limit_per_user
    if most and len(user.servers) - 1 >= most:
        text = f"User {user.name} already has the maximum of {most} named servers."
        return refusal(400, f"{text}  One must be deleted before a new server can be created")
    if hub.major_version >= 6 and not VALID_NAME.fullmatch(name):
        return refusal(400, f"Invalid server_name: {name!r}")
    return None


async def _start(hub, user: User, name: str, body: object) -> web.Response:
    if name and (refused := _refused_name(hub, user, name)):
        return refused
    server = user.servers.get(name) or user.add_server(name)
    if server.state == "spawning":
        return web.Response(status=202, content_type="text/plain")
    if server.state == "stopping":
        return refusal(400, f"{_log_name(user, server)} is pending stop")
    if server.state == "ready":
        return refusal(400, f"{_log_name(user, server)} is already running")
    start = server.starts.pop(0) if server.starts else user.next_starts
    server.user_options = body
    await asyncio.sleep(start.begins_after)
    if hub.spawn_hook:
        server.own_token = secrets.token_hex(16)
        user.server_tokens[server.own_token] = name
        refused = await asyncio.to_thread(hub.spawn_hook, user, server)
        if refused:
            user.server_tokens.pop(server.own_token)
            return refusal(*refused)
    if start.status in (201, 202) or start.outcome:
        _begin(hub, server, start)
    if start.answers_after:
        with suppress(TimeoutError):
            async with asyncio.timeout(start.answers_after):
                await server.ended.wait()
    if server.interrupted:
        return refusal(500, "Internal Server Error")
    if start.status in (201, 202):
        return web.Response(status=start.status, content_type="text/plain")
    model = {"status": start.status, "message": start.message}
    return as_json(model, start.status, dict(start.headers))


def _begin(hub, server: Server, start: Start) -> None:
    server.state, server.failure, server.ended = "spawning", "", asyncio.Event()
    server.started, server.begun = datetime.now(UTC).isoformat(), start
    server.interrupted = False
    hub.count_starts()
    loop = asyncio.get_running_loop()
    loop.call_later(start.seconds, _end, hub, server, start, server.ended)


def _end(hub, server: Server, start: Start, ended: asyncio.Event) -> None:
    if ended.is_set():
        return  # it was interrupted
    if start.outcome in ("", "ready"):
        server.state, hub.failures = "ready", 0
        if server.dies_after_ready:
            server.dies_after_ready -= 1
            server.state = "dead"
    elif start.outcome in ("fails", "vanishes"):
        server.state, hub.failures = "stopped", hub.failures + 1
        server.failure = f"Spawn failed: {start.reason}" if start.outcome == "fails" else ""
    if start.outcome != "never":
        ended.set()


async def stop(hub, user: User, name: str, body: dict) -> web.Response:
    if not hub.may_stop:
        text = "Action is not authorized with current scopes; requires any of [delete:servers]"
        return refusal(403, text)
    remove = bool(body.get("remove"))
    if name and not hub.allow_named_servers:
        return refusal(400, NO_NAMED_SERVERS)
    if name not in user.servers:
        return refusal(404, f"{user.name} has no server named '{name}'")
    if remove and not name:
        return refusal(400, "Cannot delete the default server")
    server = user.servers[name]
    if server.state == "ready" and server.polls_until_stopped:
        server.state = "stopping"
    if server.state == "stopping":
        server.removed_when_stopped |= remove
        return web.Response(status=202)
    if server.state == "spawning":
        # a start that is interrupted is taken for a server that is ready, for a second
        server.state, server.interrupted = "dead", True
        server.ended.set()
        await asyncio.sleep(hub.stop_seconds)
    server.state = "stopped"
    user.server_tokens.pop(server.own_token, None)
    if remove:
        user.servers.pop(name, None)
    return web.Response(status=204)


# progress


async def _progress(hub, request, user: User, name: str) -> web.StreamResponse:
    server = user.servers.get(name)
    if server is None:
        return refusal(404, None)
    if server.state in ("stopped", "stopping") and not server.failure:
        return refusal(400, f"{_log_name(user, server)} is not starting...")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    if server.state == "spawning":
        await _event(response, {"progress": 0, "message": "Server requested"})
    if hub.broken_streams:
        hub.broken_streams -= 1
        request.transport.abort()
        return response
    await _spawners_events(response, server)
    if server.state == "spawning":
        await server.ended.wait()
    if server.interrupted and hub.interrupted_says != "ready":
        await _event(response, {"progress": 100, "failed": True, "message": hub.interrupted_says})
    elif server.is_ready or server.interrupted:
        url = url_of(user, server)
        event = {"progress": 100, "ready": True, "message": f"Server ready at {url}", "url": url}
        await _event(response, event)
    elif server.failure:
        event = {"progress": 100, "failed": True, "message": server.failure}
        await _event(response, event)
    return response


async def _spawners_events(response: web.StreamResponse, server: Server) -> None:
    start = server.begun
    with suppress(ConnectionError):
        await response.write(start.stream)
        while start.endless and server.state == "spawning":
            await response.write(start.stream)
    for number, message in enumerate(start.messages, 1):
        await _event(response, {"progress": 10 * number, "message": message})


async def _event(response: web.StreamResponse, event: dict) -> None:
    with suppress(ConnectionError):
        await response.write(f"data: {json.dumps(event)}\n\n".encode())
