"""A hub that behaves: a hub, its proxy and its users' servers, in this process.

It answers what the real ones were measured to answer, keeps the users' files in memory, records
every request line as it came over the wire, and misbehaves on request.
"""

import asyncio
import base64
import itertools
import json
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
import requests
from aiohttp import web
from ports import free_port

with warnings.catch_warnings():
    # what connexion 3.3 imports is deprecated where it comes from
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

    from launcher import config, store
    from launcher.app import create_app

HTML = "text/html"
TEMPORARY = re.compile(r"(^|/)launcher-[0-9a-f]{32}(\.\d+)?\.ipynb$")
LOST = object()  # a scripted answer: the connection ends without one
SILENT = object()  # a scripted answer: none, and the connection stays open
SERVICE_SCOPES = ("servers", "tokens", "read:servers", "read:tokens", "read:users:name")
MAX_SECONDS = 60
# for applications that many tests share, all of them from one address
NO_LIMITS_PER_ADDRESS = {
    "max_failed_logins_per_address": 10**6,
    "max_unknown_tokens_per_address": 10**6,
}


def wait_until(true: Callable[[], object], what: str = "it", seconds: float = MAX_SECONDS):
    """Poll until `true()` is, and return what it said."""
    end = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < end, f"{what} did not happen"
        threading.Event().wait(0.01)
    return answer


def at_once(count: int, call: Callable[[int], object]) -> list:
    """What `call(0)`, `call(1)`, … return when they are made at the same moment."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


@dataclass(frozen=True)
class Call:
    """One request as it arrived: `path` is raw, with its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Start:
    """What one request to start a server leads to.

    `status` 201 or 202 begins a start that takes `seconds` and ends as `outcome` says: "ready",
    "fails" (with `reason` in the progress stream), "vanishes" (nobody says why) or "never". Any
    other status refuses with `message`; 500 begins a start all the same when `outcome` is given.
    """

    status: int = 201
    outcome: str = ""
    seconds: float = 0.05
    reason: str = "the process ended"
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    messages: tuple[str, ...] = ()  # what the spawner says while it starts
    begins_after: float = 0.0  # until the hub begins with it, as one that refreshes a user first
    answers_after: float = 0.0  # until its POST is answered; sooner, once the start has ended
    stream: bytes = b""  # what comes in the progress stream before that, as it is
    endless: bool = False  # whether that is repeated for as long as anybody listens


@dataclass
class User:
    """A person: their credentials, server and home."""

    name: str
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    scopes: tuple[str, ...] = ("self", "access:services!service=launcher")
    known: bool = True  # has signed in to the hub before
    starts: list[Start] = field(default_factory=list)
    server: str = "stopped"  # or spawning, ready, stopping, dead (and the hub has not noticed)
    files: dict[str, bytes] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    checkpoints: dict[str, bytes] = field(default_factory=dict)
    # what is no file: "dangling" (a link to nowhere), "loop" (a link to itself), "fifo"
    odd: dict[str, str] = field(default_factory=dict)
    unwritable: set[str] = field(default_factory=set)  # directories; "" is the home
    hook: Callable[[str, dict], tuple[int, str] | None] | None = None  # a pre_save_hook
    paired: str = ""  # the extension of the old texts that jupytext pairs notebooks with
    text_is_newer: bool = False  # than the notebook, and shown in its place
    root: str = ""  # the path of the home below the server's root
    full: str = ""  # the method, or "PUT PATCH", that finds no space left
    answers: list[tuple[str, object]] = field(default_factory=list)  # (method, what comes instead)
    token_seen: bool = True  # the server need not ask the hub about the launcher's token
    server_tokens: set[str] = field(default_factory=set)  # what opens the server
    may_be_opened: bool = True  # whether the launcher may make such tokens
    stops_by_itself_after: int = 0  # polls of the model until a pending stop is over
    dies_after_ready: int = 0  # times that the server is gone by the time it is used
    failure: str = ""  # what the progress stream says of the last start, when it failed
    ended: asyncio.Event | None = None
    started: str | None = None  # when the hub was asked to start the server
    said: tuple[str, ...] = ()
    stream: bytes = b""
    endless: bool = False

    @property
    def notebooks(self) -> list[str]:
        """The paths of the notebooks in the home."""
        return sorted(
            path for path in self.files if path.endswith(".ipynb") and not TEMPORARY.search(path)
        )

    @property
    def leftovers(self) -> list[str]:
        """The files that no launch may leave behind."""
        return sorted(filter(TEMPORARY.search, self.files))

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    @property
    def basic(self) -> dict[str, str]:
        return basic(self.name, self.password)

    def write(self, path: str, content: bytes) -> None:
        """Put a file there, with its directories."""
        parts = path.split("/")
        self.directories |= {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        self.files[path] = content


def basic(name: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic in UTF-8."""
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


class FakeHub:
    """The hub, its proxy and its users' servers; attributes switch the faults on."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        self.url = ""
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """As new: nobody, no fault, no record."""
        self.users: dict[str, User] = {}
        self.services: dict[str, tuple[str, ...]] = {}  # token -> scopes
        self.service_names: dict[str, str] = {}  # token -> name, "another" by default
        self.calls: list[Call] = []
        self.checks: list[Call] = []
        self.away = ""  # "proxy" (503), "refused" (no answer), "starting" (404 pages)
        self.away_for = 0  # hub calls that find it so, and then it is back; 0: until told
        self.token_refused = False
        self.proxy_answer = None  # what the proxy answers to the launcher's check of it
        self.version = "6.1.1"
        self.scopes: tuple[str, ...] = SERVICE_SCOPES
        self.login = "form"  # or "oauth", "redirect", "otp"; else a sign-in page of its own
        self.wrong_password_status = 403  # 200 before JupyterHub 5.3
        self.hub_answers: list[tuple[str, str, object]] = []  # (method, end of path, instead)
        self.broken_streams = 0  # progress streams that end in the middle
        self.stop_seconds = 0.0
        self.may_stop = True  # whether the launcher's token holds delete:servers
        self.most_seconds = 0  # token_expires_in_max_seconds
        self.revoking = 0  # tokens that no server accepts, as if they were revoked at once
        self.most_at_once = 0  # servers that were ever being started at the same moment
        self.failures = 0  # in a row: a hub with `consecutive_failure_limit` exits at so many
        self.most_at_risk = 0  # failures in a row that there could have been at any time
        self.rename_seconds = 0.002  # the gap in which two renames both find the name free
        self.password_gate = threading.Event()  # cleared: the hub's form keeps people waiting
        self.password_gate.set()

    def add_user(self, name: str = "", **fields: object) -> User:
        """A person of the hub; names are new each time, so that nothing is remembered of them."""
        name = name or f"alice-{next(self._numbers)}"
        self.users[name] = User(name, **fields)
        return self.users[name]

    def add_service(self, *scopes: str, name: str = "another") -> str:
        """The token of another service."""
        token = secrets.token_hex(16)
        self.services[token], self.service_names[token] = scopes, name
        return token

    def drop_next(self, method: str, *, user: User, carried_out: bool = True, times: int = 1):
        """Lose the answer to the next calls of the contents API."""
        user.answers += [(method, LOST if not carried_out else "carry out")] * times

    def lines(self, *begins: str) -> list[str]:
        """The request lines that begin so; all without an argument."""
        lines = [call.line for call in list(self.calls)]
        return [line for line in lines if line.startswith(begins)] if begins else lines

    @property
    def beyond_identification(self) -> list[str]:
        """The calls that do more than to ask who somebody is."""
        who = ("GET /hub/api/user", "GET /hub/login", "POST /hub/login")
        return [line for line in self.lines() if line.split("?")[0] not in who]

    # the wire

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        call = Call(request.method, request.raw_path, dict(request.headers), await request.read())
        path = urlsplit(call.path).path
        own = call.headers.get("Authorization") == f"token {self.token}"
        # the launcher's check of its own token comes when it likes
        (self.checks if own and path == "/hub/api/user" else self.calls).append(call)
        if path == "/hub/health":
            self.calls.remove(call)
            return self.proxy_answer() if self.proxy_answer else web.Response()
        if path.startswith("/hub/"):
            return await self._hub(request, call, path)
        if path.startswith("/user/"):
            return await self._server(request, call, path)
        return _page(404)

    def _lose(self, request: web.BaseRequest) -> web.Response:
        request.transport.abort()
        return web.Response()

    # the hub

    async def _hub(self, request, call, path):
        if self.away and (gone := self._gone(request)):
            return gone
        for scripted in self.hub_answers:
            if call in self.checks:
                break
            if scripted[0] == call.method and path.endswith(scripted[1]):
                self.hub_answers.remove(scripted)
                return self._lose(request) if scripted[2] is LOST else scripted[2]()
        if path == "/hub/login":
            return await self._login(call)
        if path in ("/hub/api", "/hub/api/"):
            return _json({"version": self.version})
        if path == "/hub/api/user":
            return self._whoami(call)
        return await self._users_api(request, call, path)

    def _gone(self, request):
        away = self.away
        if self.away_for:
            self.away_for -= 1
            if not self.away_for:
                self.away = ""
        if away == "refused":
            return self._lose(request)
        if away == "starting":
            return _page(404)
        answer = web.Response(status=503, text="Service Unavailable")
        del answer.headers["Content-Type"]
        return answer

    async def _login(self, call):
        if self.login == "redirect":
            return web.Response(status=302, headers={"Location": "/hub/oauth_login"})
        if self.login == "oauth":
            return _page(200, '<a href="/hub/oauth_login">Sign in with GitHub</a>', _xsrf="x")
        form = '<input name="username"><input type="password" name="password">'
        form += '<input id="otp_input" class="form-control" name="otp">' * (self.login == "otp")
        form = f'<form action="/hub/login?next=" method="post">{form}</form>'
        if self.login not in ("form", "otp"):
            form = self.login
        if call.method == "GET":
            return _page(200, form, _xsrf=secrets.token_hex(8))
        while not self.password_gate.is_set():
            await asyncio.sleep(0.01)
        if not self._xsrf_fits(call):
            return _page(403, "'_xsrf' argument missing from POST")
        fields = parse_qs(call.body.decode(), keep_blank_values=True)
        username, password = (_as_tornado(fields[name][0]) for name in ("username", "password"))
        user = self.users.get(username.strip().lower())
        if user is None or user.password != password:
            return _page(self.wrong_password_status, form)
        user.known = True
        answer = web.Response(status=302, headers={"Location": "/hub/home"})
        answer.set_cookie("jupyterhub-hub-login", user.token, path="/hub/")
        return answer

    def _xsrf_fits(self, call):
        sent = parse_qs(urlsplit(call.path).query).get("_xsrf", [""])[0]
        return bool(sent) and _cookies(call).get("_xsrf") == sent

    def _whoami(self, call):
        token = call.headers.get("Authorization", "").partition(" ")[2]
        token = token or _cookies(call).get("jupyterhub-hub-login", "")
        if token == self.token and not self.token_refused:
            return _json({"kind": "service", "name": "launcher", "scopes": self.scopes})
        if token in self.services:
            scopes, name = self.services[token], self.service_names[token]
            return _json({"kind": "service", "name": name, "scopes": scopes})
        for user in self.users.values():
            if secrets.compare_digest(user.token, token):
                model = {"kind": "user", "name": user.name, "admin": False, "scopes": user.scopes}
                return _json(model)
        return _json({"status": 403, "message": "Missing or invalid credentials."}, 403)

    def restart(self):
        """Forget every start under way, as a hub does that is restarted."""
        self.failures = 0
        for user in self.users.values():
            if user.server == "spawning":
                user.server, user.failure = "stopped", ""
                self.loop.call_soon_threadsafe(user.ended.set)

    async def _users_api(self, request, call, path):
        if self.token_refused or call.headers.get("Authorization") != f"token {self.token}":
            return _json({"status": 403, "message": "Missing or invalid credentials."}, 403)
        segments = [unquote(segment) for segment in path.split("/")[3:]]
        user = self.users.get(segments[1]) if segments[0] == "users" else None
        if call.method == "POST" and segments[2:] == ["tokens"]:
            return self._make_token(user, json.loads(call.body))
        if user is None or not user.known:
            return _json({"status": 404, "message": "Not Found"}, 404)
        if call.method == "GET" and len(segments) == 2:
            return _json(self._model(user))
        if call.method == "POST" and segments[2:] == ["server"]:
            return await self._start(user)
        if call.method == "DELETE" and segments[2:] == ["server"]:
            return await self._stop(user)
        if call.method == "GET" and segments[2:] == ["server", "progress"]:
            return await self._progress(request, user)
        return _json({"status": 405, "message": "Method Not Allowed"}, 405)

    def _make_token(self, user, wanted):
        if user is None or not user.known or not user.may_be_opened:
            text = "Service nobody not found or no permissions to generate tokens"
            return _json({"status": 403, "message": text}, 403)
        seconds, scopes = wanted["expires_in"], [f"access:servers!server={user.name}/"]
        if self.most_seconds and seconds > self.most_seconds:
            text = f"token expires_in: {seconds} must not exceed {self.most_seconds}"
            return _json({"status": 400, "message": text}, 400)
        assert wanted == {"scopes": scopes, "expires_in": seconds, "note": "launcher"}
        token = secrets.token_hex(16)
        if self.revoking:
            self.revoking -= 1
        else:
            user.server_tokens.add(token)
        return _json({"token": token, "scopes": scopes, "expires_at": "2030-01-01T00:00:00Z"}, 201)

    def _model(self, user):
        if user.server == "stopping":
            user.stops_by_itself_after -= 1
            if user.stops_by_itself_after <= 0:
                user.server = "stopped"
        pending = {"spawning": "spawn", "stopping": "stop"}.get(user.server)
        server = {"name": "", "ready": user.server in ("ready", "dead"), "pending": pending}
        server |= {"started": user.started, "last_activity": user.started}
        url = f"/user/{quote(user.name, safe='@~')}/"
        servers = {} if user.server == "stopped" else {"": {**server, "url": url}}
        return {"name": user.name, "kind": "user", "servers": servers}

    async def _start(self, user):
        if user.server == "spawning":
            return web.Response(status=202, content_type="text/plain")
        if user.server == "stopping":
            return _json({"status": 400, "message": f"{user.name} is pending stop"}, 400)
        if user.server == "ready":
            return _json({"status": 400, "message": f"{user.name} is already running"}, 400)
        start = user.starts.pop(0) if user.starts else Start()
        await asyncio.sleep(start.begins_after)
        if start.status in (201, 202) or start.outcome:
            user.server, user.failure, user.ended = "spawning", "", asyncio.Event()
            user.started, user.said = datetime.now(UTC).isoformat(), start.messages
            user.stream, user.endless = start.stream, start.endless
            spawning = sum(other.server == "spawning" for other in self.users.values())
            self.most_at_once = max(self.most_at_once, spawning)
            self.most_at_risk = max(self.most_at_risk, self.failures + spawning)
            loop = asyncio.get_running_loop()
            loop.call_later(start.seconds, self._end_start, user, start, user.ended)
        if start.answers_after:
            with suppress(TimeoutError):
                async with asyncio.timeout(start.answers_after):
                    await user.ended.wait()
        if start.status in (201, 202):
            return web.Response(status=start.status, content_type="text/plain")
        model = {"status": start.status, "message": start.message}
        return _json(model, start.status, dict(start.headers))

    async def _stop(self, user):
        if not self.may_stop:
            return _json({"status": 403, "message": "Action is not authorized with current"
                          " scopes; requires any of [delete:servers]"}, 403)  # fmt: skip
        if user.server in ("stopped", "stopping"):
            return web.Response(status=204 if user.server == "stopped" else 202)
        if user.server == "spawning":
            # a start that is interrupted stays pending for a second
            await asyncio.sleep(self.stop_seconds)
            user.failure = "Spawn failed: "
            user.ended.set()
        user.server = "stopped"
        return web.Response(status=204)

    def _end_start(self, user, start, ended):
        if ended.is_set():
            return  # it was interrupted
        if start.outcome in ("", "ready"):
            user.server, self.failures = "ready", 0
            if user.dies_after_ready:
                user.dies_after_ready -= 1
                user.server = "dead"
        elif start.outcome in ("fails", "vanishes"):
            user.server, self.failures = "stopped", self.failures + 1
            user.failure = f"Spawn failed: {start.reason}" if start.outcome == "fails" else ""
        if start.outcome != "never":
            ended.set()

    async def _progress(self, request, user):
        if user.server == "stopped" and not user.failure:
            return _json({"status": 400, "message": "is not starting..."}, 400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await _event(response, {"progress": 0, "message": "Server requested"})
        if self.broken_streams:
            self.broken_streams -= 1
            request.transport.abort()
            return response
        with suppress(ConnectionError):
            await response.write(user.stream)
            while user.endless and user.server == "spawning":
                await response.write(user.stream)
        for number, message in enumerate(user.said, 1):
            await _event(response, {"progress": 10 * number, "message": message})
        if user.server == "spawning":
            await user.ended.wait()
        if user.server in ("ready", "dead"):
            await _event(response, {"progress": 100, "ready": True, "url": f"/user/{user.name}/"})
        elif user.failure:
            event = {"progress": 100, "failed": True, "message": user.failure}
            await _event(response, event)
        return response

    # a user's server, behind the proxy

    async def _server(self, request, call, path):
        segments = [unquote(segment) for segment in path.split("/")[2:]]
        user = self.users.get(segments[0])
        if user is None or user.server in ("stopped", "spawning", "stopping"):
            return _not_routed(call)
        if user.server == "dead":
            return _page(503, "Service Unavailable")
        if segments[1:] == ["api"]:
            return _json({"version": "2.21.1"})
        if not self.opens(user, call):
            words = "Forbidden" if call.method == "GET" else "'_xsrf' argument missing from POST"
            return _json({"message": words}, 403)
        if self.away and not user.token_seen:
            self._gone(request)
            return _json({"message": "Failed to connect to Hub API at 'http://10.1.2.3/'"}, 500)
        user.token_seen = True
        if segments[1:3] != ["api", "contents"]:
            return _page(404)
        raw = path.split("/api/contents", 1)[1].strip("/")
        return await self._scripted(request, call, user, raw)

    def opens(self, user, call):
        """Whether the call's token opens the user's server."""
        return call.headers.get("Authorization", "").partition(" ")[2] in user.server_tokens

    async def _scripted(self, request, call, user, path):
        for scripted in user.answers:
            if scripted[0] != call.method:
                continue
            user.answers.remove(scripted)
            if scripted[1] is LOST:
                return self._lose(request)
            if scripted[1] is SILENT:
                await asyncio.Future()
            if scripted[1] == "carry out":
                await self._contents(call, user, path)
                return self._lose(request)
            return scripted[1]()
        return await self._contents(call, user, path)

    async def _contents(self, call, user, raw):
        """What jupyter_server's handlers answer to a path as it came over the wire."""
        route = re.fullmatch(r"(?:(.+)/)?(checkpoints|checkpoints/[\w-]+|trust)", raw)
        path = unquote(route[1] or "" if route else raw)
        if route and call.method != "POST":
            return _json({"message": "Method Not Allowed"}, 405)
        if call.method in user.full.split():
            return _failed(path, 28, "No space left on device", user)
        if any(part.startswith(".") for part in path.split("/")):
            return _json({"message": "cannot access hidden file"}, 400)
        if route:
            return self._checkpoint(user, path, route[2].partition("/")[2])
        body = json.loads(call.body) if call.body else {}
        if call.method == "PATCH":
            return await self._rename(user, path, body["path"])
        if call.method == "PUT":
            return self._put(user, path, body)
        if call.method == "DELETE":
            if user.files.pop(path, None) is None:
                return _no_file(path)
            return web.Response(status=204)
        return self._get(user, path, parse_qs(urlsplit(call.path).query))

    def _checkpoint(self, user, path, number):
        if number:
            user.files[path] = user.checkpoints[path]
            return web.Response(status=204)
        if path in user.odd:
            return _json({"message": f"Unhandled error: /home/{user.name}/{path}"}, 500)
        if path not in user.files:
            return _no_file(path)
        user.checkpoints[path] = user.files[path]
        return _json({"id": "checkpoint", "last_modified": "2026-01-01T00:00:00Z"}, 201)

    async def _rename(self, user, path, target):
        if target in {*user.files, *user.directories} or user.odd.get(target) == "fifo":
            return _json({"message": f"File already exists: {target}"}, 409)
        await asyncio.sleep(self.rename_seconds)
        if path not in user.files:
            return _no_file(path)
        if answer := _unwritable(user, target):
            return answer
        user.odd.pop(target, None)  # os.path.exists says that such a link is not there
        user.files[target] = user.files.pop(path)
        return _json(_model(user, target))

    def _put(self, user, path, body):
        if user.hook and (refusal := user.hook(path, body)):
            return _json({"message": refusal[1], "reason": None}, refusal[0])
        if body["type"] == "directory" and path in {*user.directories, *_above(user.root)}:
            return _json(_model(user, path), 201)
        if answer := _unwritable(user, path):
            return answer
        if body["type"] == "directory":
            if path in user.files or user.odd.get(path) == "fifo":
                return _json({"message": f"Not a directory: /home/{user.name}/{path}"}, 400)
            if path in user.odd:
                return _failed(path, 17, "File exists", user)
            user.directories.add(path)
            return _json(_model(user, path), 201)
        if path in user.directories:
            return _json({"message": f"{path} is a directory"}, 400)
        status = 200 if path in user.files else 201
        user.files[path] = body["content"].encode()
        return _json(_model(user, path), status)

    def _get(self, user, path, query):
        if path in {"", *user.directories, *_above(user.root)}:
            if query.get("type") == ["notebook"]:
                return _json({"message": f"{path} is a directory, not a notebook"}, 400)
            return _json(_model(user, path))
        if user.odd.get(path) == "loop":
            return _json({"message": "Unhandled error", "reason": None, "traceback": ""}, 500)
        if path in user.odd and query.get("content") == ["0"]:
            return _json(_model(user, path))
        if path not in user.files:
            return _nothing_there(path)
        model = _model(user, path)
        if query == {"content": ["1"], "type": ["notebook"]} and _text(user, path):
            if user.text_is_newer:
                return _json({**model, "content": {"cells": [{"source": "mine"}]}})
            return _json({"message": f"{path} seems more recent than {_text(user, path)}"}, 400)
        if query.get("content") != ["0"] and query.get("type") == ["file"]:
            model["content"] = user.files[path].decode()
        elif query.get("content") != ["0"]:
            try:
                model["content"] = json.loads(user.files[path])
            except ValueError:
                return _json({"message": f"Unreadable Notebook: /home/{user.name}/{path}"}, 400)
        return _json(model)


def _unwritable(user, path):
    """The 500 of a parent that is missing or a file, and of a name that is too long."""
    parent, _, name = path.rpartition("/")
    if len(name.encode()) > 255:
        return _failed(path, 36, "File name too long", user)
    if _above(parent) & user.files.keys():
        return _failed(path, 20, "Not a directory", user)
    if parent and parent not in user.directories | _above(user.root):
        return _failed(path, 2, "No such file or directory", user)
    if parent in user.unwritable:
        return _json({"message": f"Permission denied: {path}", "reason": None}, 403)
    return None


def _above(path):
    """The path and what is above it; nothing for the server's root."""
    return {"/".join(path.split("/")[: n + 1]) for n in range(path.count("/") + 1)} - {""}


def _failed(path, number, text, user):
    said = f"Unexpected error while saving file: {path} [Errno {number}] {text}"
    return _json({"message": f"{said}: '/home/{user.name}/{path}'", "traceback": "Tra…"}, 500)


def _model(user, path):
    there = {"", *user.directories, *_above(user.root)}
    kind = "directory" if path in there else "notebook" if path.endswith(".ipynb") else "file"
    name, time = path.rpartition("/")[2], "2026-01-02T00:00:00Z"
    if kind == "notebook" and _text(user, path) and not TEMPORARY.search(path):
        time = "2026-01-03T00:00:00Z" if user.text_is_newer else "2026-01-01T00:00:00Z"
    return {"name": name, "path": path, "type": kind, "content": None, "last_modified": time}


def _text(user, path):
    """What jupytext pairs the notebook with, if anything."""
    text = f"{path.removesuffix('.ipynb')}.{user.paired}"
    return text if text in user.files else ""


def _no_file(path):
    return _json({"message": f"No such file or directory: {path}"}, 404)


def _nothing_there(path):
    # of a GET: the JSON type, and no JSON
    text = f"file or directory '/{path}' does not exist"
    return web.Response(status=404, text=text, content_type="application/json")


def _not_routed(call):
    if call.method == "GET":
        return web.Response(status=302, headers={"Location": f"/hub{call.path}"})
    return hub_page(403)()


def _json(value, status=200, headers=None):
    text = json.dumps(value)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _page(status, text="", **cookies):
    response = web.Response(status=status, text=f"<html>{text}</html>", content_type=HTML)
    for name, value in cookies.items():
        response.set_cookie(name, value, path="/hub/")
    return response


def _as_tornado(text):
    """A field of a form as Tornado hands it over."""
    return re.sub(r"[\x00-\x08\x0e-\x1f]", " ", text)


def _cookies(call):
    return {k: v.value for k, v in SimpleCookie(call.headers.get("Cookie", "")).items()}


async def _event(response, event):
    with suppress(ConnectionError):
        await response.write(f"data: {json.dumps(event)}\n\n".encode())


def json_answer(value: object, status: int = 200):
    """An answer in JSON, to be scripted; it can be given any number of times."""
    return lambda: _json(value, status)


def page_answer(status: int, text: str = "", location: str = ""):
    """A page of HTML, to be scripted."""

    def make():
        page = _page(status, text)
        if location:
            page.headers["Location"] = location
        return page

    return make


def hub_page(status: int):
    """A page of the hub's, which answers where it has no route to a server; to be scripted."""

    def make():
        page = _page(status, "'_xsrf' argument missing")
        page.headers["X-JupyterHub-Version"] = "6.1.1"
        return page

    return make


async def _end(runner):
    await runner.cleanup()
    handlers = asyncio.all_tasks() - {asyncio.current_task()}
    for handler in handlers:  # of servers that were never ready
        handler.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)


@contextmanager
def served(hub: FakeHub, tls=None):
    """The hub on a port from the OS, on a loop of its own; `tls` is an ssl.SSLContext."""
    loop, runner = asyncio.new_event_loop(), None
    thread = threading.Thread(target=loop.run_forever, name="fakehub", daemon=True)
    thread.start()

    async def start():
        nonlocal runner
        runner = web.ServerRunner(web.Server(hub.answer, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

    hub.loop, hub.url = loop, asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield hub
    finally:
        asyncio.run_coroutine_threadsafe(_end(runner), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="session")
def _fakehub():
    with served(FakeHub()) as hub:
        yield hub


@pytest.fixture
def fakehub(_fakehub):
    """The fake hub, as new."""
    _fakehub.reset()
    return _fakehub


@pytest.fixture
def alice(fakehub):
    """Somebody whose server runs."""
    return fakehub.add_user(server="ready")


class Client(TestClient):
    """The real application on a loop of its own, and what most tests ask it."""

    def launch(self, user: User, headers=None, **notebook: object):
        """POST /hello as the user."""
        notebook = {"directory": "lab", "filename": "hello.ipynb", **notebook}
        return self.post("/hello", json={"notebook": notebook}, headers=headers or user.auth)


def problem_of(answer, status: int) -> dict:
    """The problem in an answer of that status (RFC 9457), with what every one must hold."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:problem-type:launcher:"), problem
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def environment(hub: FakeHub, folder) -> dict[str, str]:
    """What a deployment sets."""
    return {
        "JUPYTERHUB_URL": hub.url,
        "JUPYTERHUB_TOKEN": hub.token,
        "LAUNCHER_DATABASE_URL": f"sqlite:///{folder}/launcher.sqlite",
    }


@contextmanager
def application(hub: FakeHub, folder, environ=None, *, ended=None, **settings: object):
    """A client of the application with these settings and a migrated SQLite in `folder`.

    `ended` is called when the application wants its process to end.
    """
    environ = {**environment(hub, folder), **(environ or {})}
    app_settings = config.Launcher(environ, **settings)
    store.migrate(app_settings.database_url)
    app = create_app(app_settings.check(), end_process=ended or (lambda: None))
    # what the application sees at the other end of its connections
    peer = {"client": ("127.0.0.1", 50_000)}
    with Client(app, raise_server_exceptions=False, follow_redirects=False, **peer) as client:
        client.settings = app_settings
        yield client


@pytest.fixture(scope="session")
def _client(_fakehub, tmp_path_factory):
    # what fails in one test does not keep the next one from starting servers
    settings = {"start_timeout": 30, "breaker_seconds": 0, "start_cooldown": 0}
    settings |= NO_LIMITS_PER_ADDRESS
    with application(_fakehub, tmp_path_factory.mktemp("launcher"), **settings) as client:
        yield client


@pytest.fixture
def client(fakehub, _client):
    """The application with its default settings, shared by the tests: ask as a user of your own."""
    return _client


@pytest.fixture
def start_app(fakehub, tmp_path):
    """Starts applications with settings of their own, all on one database."""
    opened = []

    def start(environ=None, **settings):
        context = application(fakehub, tmp_path, environ, **settings)
        opened.append(context)
        return context.__enter__()

    yield start
    for context in reversed(opened):
        context.__exit__(None, None, None)


@dataclass(frozen=True)
class Gunicorn:
    """The application under its real server, in two processes."""

    url: str
    port: int
    log: Path
    pid: int

    def raw(self, request: bytes) -> tuple[int, str, bytes]:
        """Status, head and body of the answer to these very bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=MAX_SECONDS) as wire:
            with suppress(OSError):  # a body that is refused early is not read to its end
                wire.sendall(request)
            answer = b""
            with suppress(ConnectionResetError):
                while chunk := wire.recv(65536):
                    answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode("latin-1"), body


@pytest.fixture(scope="session")
def _gunicorn(_fakehub, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gunicorn")
    settings = [f"c.Launcher.{name} = {value}\n" for name, value in NO_LIMITS_PER_ADDRESS.items()]
    (folder / "launcher_config.py").write_text("".join(settings))
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "launcher", "serve", "--workers", "2"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}"],
            cwd=folder,
            env={**environment(_fakehub, folder), "PATH": ""},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    served = Gunicorn(f"http://127.0.0.1:{port}", port, folder / "log", process.pid)

    def up():
        assert process.poll() is None, (folder / "log").read_text()
        with suppress(requests.ConnectionError):
            return requests.get(f"{served.url}/health", timeout=5).ok

    try:
        wait_until(up, "gunicorn")
        yield served
    finally:
        process.terminate()
        process.wait(MAX_SECONDS)


@pytest.fixture
def gunicorn(fakehub, _gunicorn):
    """The application under gunicorn, two processes on one database."""
    return _gunicorn
