"""The fake hub itself: who its users are, what is wrong with it, and every request as it came."""

import asyncio
import itertools
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from aiohttp import web

from fakehub import sign_in, user_server, users_api
from fakehub.responses import LOST, as_json, lose, page
from fakehub.state import Call, Server, User

SERVICE_SCOPES = ("servers", "tokens", "read:servers", "read:tokens", "read:users:name")


class FakeHub:
    """The hub, its proxy and its users' servers; attributes switch the faults on."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        self.url = ""
        self._numbers = itertools.count(1)
        self.users: dict[str, User] = {}
        self.earlier_users: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """As new: nobody, no fault, no record."""
        self.earlier_users |= self.users.keys()
        self.users = {}
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
        self.allow_named_servers = True
        self.named_server_limit_per_user = 0  # 0: none
        self.broken_streams = 0  # progress streams that end in the middle
        self.stop_seconds = 0.0
        # what the stream of a start that is stopped ends with: "ready", as nearly always on 5.2.1
        # and 6.1.1, or "Spawn cancelled", when the start had not got far
        self.interrupted_says = "ready"
        self.may_stop = True  # whether the launcher's token holds delete:servers
        self.most_seconds = 0  # token_expires_in_max_seconds
        self.revoking = 0  # tokens that no server accepts, as if they were revoked at once
        self.most_at_once = 0  # servers that were ever being started at the same moment
        self.failures = 0  # in a row: a hub with `consecutive_failure_limit` exits at so many
        self.most_at_risk = 0  # failures in a row that there could have been at any time
        self.rename_seconds = 0.002  # the gap in which two renames both find the name free
        # asked at each start: (user, server) -> why the start is refused (status, message), or None
        self.spawn_hook = None
        self.password_gate = threading.Event()  # cleared: the hub's form keeps people waiting
        self.password_gate.set()

    def add_user(self, name: str = "", **fields: object) -> User:
        """A person of the hub; names are new each time, so that nothing is remembered of them.

        `fields` are attributes of User, those of the default server too.
        """
        user = User(name or f"alice-{next(self._numbers)}")
        for field, value in fields.items():
            assert hasattr(user, field), field
            setattr(user, field, value)
        self.users[user.name] = user
        return user

    def add_service(self, *scopes: str, name: str = "another") -> str:
        """The token of another service."""
        token = secrets.token_hex(16)
        self.services[token], self.service_names[token] = scopes, name
        return token

    def server_token(self, user: User, server: str = "") -> str:
        """The own token of a user's server, on a hub with the launcher's side."""
        token = secrets.token_hex(16)
        user.server_tokens[token] = server
        user.own_tokens.add(token)
        return token

    def find_user(self, name: str) -> User | None:
        """Whose servers the proxy has routes to."""
        return self.users.get(name)

    def opens(self, user: User, server: Server, call: Call) -> bool:
        """Whether the call's token opens the server."""
        return user.server_tokens.get(call.token) == server.name

    def drop_next(self, method: str, *, user: User, carried_out: bool = True, times: int = 1):
        """Lose the answer to the next calls of the contents API."""
        user.answers += [(method, LOST if not carried_out else "carry out")] * times

    def lines(self, *begins: str) -> list[str]:
        """The request lines that begin so; all without an argument."""
        lines = [call.line for call in list(self.calls)]
        return [line for line in lines if line.startswith(begins)] if begins else lines

    @property
    def beyond_identification(self) -> list[str]:
        """The calls that do more than to ask who somebody is.

        A launcher may still be busy with what an earlier test began: that is left out.
        """
        who = ("GET /hub/api/user", "GET /hub/login", "POST /hub/login")
        calls = [line.split("?")[0] for line in self.lines()]
        earlier = self.earlier_users - self.users.keys()
        return [line for line in calls if line not in who and earlier.isdisjoint(line.split("/"))]

    @property
    def major_version(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def servers(self) -> list[Server]:
        """Every server of every user."""
        return [server for user in self.users.values() for server in user.servers.values()]

    def count_starts(self) -> None:
        """Note how many servers are being started at this moment."""
        spawning = sum(server.state == "spawning" for server in self.servers)
        self.most_at_once = max(self.most_at_once, spawning)
        self.most_at_risk = max(self.most_at_risk, self.failures + spawning)

    def restart(self) -> None:
        """Forget every start under way, as a hub does that is restarted."""
        self.failures = 0
        for server in self.servers:
            if server.state == "spawning":
                server.state, server.failure = "stopped", ""
                self.loop.call_soon_threadsafe(server.ended.set)

    def stop_at_the_hub(self, user: User) -> None:
        """Stop the user's default server, as the hub's own page does."""
        stopping = users_api.stop(self, user, "", {})
        asyncio.run_coroutine_threadsafe(stopping, self.loop).result()

    # the wire

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Record a request, and give what the hub or a user's server answers."""
        call = Call(request.method, request.raw_path, dict(request.headers), await request.read())
        path = urlsplit(call.path).path
        if path == "/hub/health":
            return self.proxy_answer() if self.proxy_answer else web.Response()
        own = call.headers.get("Authorization") == f"token {self.token}"
        # the launcher's check of its own token comes when it likes
        (self.checks if own and path == "/hub/api/user" else self.calls).append(call)
        if path.startswith("/hub/"):
            return await self._hub(request, call, path)
        if path.startswith("/user/"):
            return await user_server.answer(self, request, call, path)
        return page(404)

    async def _hub(self, request: web.BaseRequest, call: Call, path: str) -> web.StreamResponse:
        if self.away and (gone := self.gone(request)):
            return gone
        if call not in self.checks and (scripted := self._scripted(call.method, path)):
            return lose(request) if scripted is LOST else scripted()
        if path == "/hub/login":
            return await sign_in.login(self, call)
        if path in ("/hub/api", "/hub/api/"):
            return as_json({"version": self.version})
        if path == "/hub/api/user":
            return sign_in.whoami(self, call)
        return await users_api.answer(self, request, call, path)

    def _scripted(self, method: str, path: str) -> object:
        for scripted in self.hub_answers:
            if scripted[0] == method and path.endswith(scripted[1]):
                self.hub_answers.remove(scripted)
                return scripted[2]
        return None

    def gone(self, request: web.BaseRequest) -> web.Response:
        """What comes in place of an answer of a hub that is away."""
        away = self.away
        if self.away_for:
            self.away_for -= 1
            if not self.away_for:
                self.away = ""
        if away == "refused":
            return lose(request)
        if away == "starting":
            return page(404)
        answer = web.Response(status=503, text="Service Unavailable")
        del answer.headers["Content-Type"]
        return answer


async def _end(runner: web.ServerRunner) -> None:
    await runner.cleanup()
    handlers = asyncio.all_tasks() - {asyncio.current_task()}
    for handler in handlers:  # of servers that were never ready
        handler.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)


@contextmanager
def served(hub: FakeHub, tls=None) -> Iterator[FakeHub]:
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
