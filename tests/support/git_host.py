"""A git host over https on loopback: `git http-backend`, the API of a product, and its failures."""

import asyncio
import base64
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import git_backend
from aiohttp import web
from certificates import Authority
from git_repository import BareRepository

BACKEND = git_backend.find_backend()
# what is asked for by the smart and by the dumb protocol
_OF_GIT = ("/info/refs", "/git-upload-pack", "/git-receive-pack", "/HEAD", "/objects/info/packs")


@dataclass
class HostedProject:
    """A repository, and who may do what: a level such as `guest` or `developer` by user."""

    repository: BareRepository
    private: bool = False
    levels: dict[str, str] = field(default_factory=dict)
    invited: set[str] = field(default_factory=set)
    """Those of them who have their level from a group that was invited."""

    def is_visible(self, user: str) -> bool:
        """Whether a user, '' for nobody, sees that the project exists."""
        return not self.private or user in self.levels


@dataclass(frozen=True)
class SeenRequest:
    """A request that reached the host."""

    method: str
    path: str
    authorization: str
    host: str


class GitSite:
    """The host; it runs in a thread from `start` to `stop`."""

    def __init__(self, folder: Path, *, certificate=None, api=None, address="127.0.0.1") -> None:
        """`certificate` has the keywords of `Authority.server`; `api` answers what is not git."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(folder)
        self.ca_file = str(self.authority.bundle)
        self.projects: dict[str, HostedProject] = {}
        self.tokens: dict[str, str] = {}
        """The user of each access token."""
        self.misbehaves = ""
        """How each request is answered: hang, wait (until this is another one), redirect, error,
        throttle, nonsense, flood, endless (branches, until the client leaves); or ''."""
        self.requests_left: int | None = None
        """Of the API, until it limits them: 0, or None for any number."""
        self.speaks_only_version_0 = False
        """Of git's protocol, as hosts with an old git do."""
        self.redirect_to = "https://127.0.0.1:1/elsewhere"
        self.seen: list[SeenRequest] = []
        self._api = api
        self._address = address
        self._tls = self.authority.server(**(certificate or {"address": address}))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"https://{self._address}:{self.port}"

    def start(self) -> "GitSite":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, path: str, *, private=False, levels=None) -> BareRepository:
        """A repository with one commit, at a path such as `group/project`."""
        repository = BareRepository(self.folder / "root" / f"{path}.git")
        repository.commit(message="Begin")
        self.projects[path.lower()] = HostedProject(repository, private, dict(levels or {}))
        return repository

    def project(self, path: str) -> HostedProject | None:
        """The project at a path, whose case does not matter."""
        return self.projects.get(path.strip("/").removesuffix(".git").lower())

    def user_of(self, request) -> str | None:
        """The user whose token is sent, '' without any; None for a token that is not valid."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return ""
        if scheme.lower() == "basic":
            value = base64.b64decode(value).decode().partition(":")[2]
        return self.tokens.get(value)

    def id_of(self, user: str) -> int:
        """The number of a user."""
        return 100 + sorted(self.tokens.values()).index(user)

    async def _start(self) -> None:
        application = web.Application(client_max_size=2**27)
        application.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address, 0, ssl_context=self._tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        hanging = asyncio.all_tasks() - {asyncio.current_task()}
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    async def _answer(self, request):
        authorization = request.headers.get("Authorization", "")
        host = request.headers.get("Host", "")
        self.seen.append(SeenRequest(request.method, request.raw_path, authorization, host))
        if self.misbehaves == "hang":
            await asyncio.sleep(600)
        while self.misbehaves == "wait":
            await asyncio.sleep(0.05)
        if self.misbehaves == "redirect":
            return web.Response(status=302, headers={"Location": self.redirect_to})
        if self.misbehaves == "error":
            return web.Response(status=500, text="internal: postgres://db/secret")
        if self.misbehaves == "throttle":
            return web.Response(status=429, headers={"Retry-After": "17"})
        if self.misbehaves == "nonsense":
            return web.Response(text="<html>Sign in</html>", content_type="text/html")
        if self.misbehaves == "flood":
            return web.Response(body=b"[" * 2**22, content_type="application/json")
        if self.misbehaves == "endless":
            return await _advertise_without_end(request)
        for suffix in _OF_GIT:
            if request.path.endswith(suffix):
                return await self._git(request, request.path.removesuffix(suffix))
        return await self._api(self, request) if self._api else web.Response(status=404)

    async def _git(self, request, path):
        """As the products do: 401 for whoever sends no valid token, 404 for what is not theirs."""
        user, project = self.user_of(request), self.project(path)
        if user is None:
            return _unauthorized()
        if project is None or not project.is_visible(user):
            return web.Response(status=404) if user else _unauthorized()
        if project.levels.get(user) == "guest" and project.private:
            return web.Response(status=403)
        return await git_backend.answer(
            request,
            BACKEND,
            self.folder / "root",
            only_version_0=self.speaks_only_version_0,
        )


def _unauthorized():
    return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})


async def _advertise_without_end(request):
    kind = "application/x-git-upload-pack-advertisement"
    response = web.StreamResponse(headers={"Content-Type": kind})
    await response.prepare(request)
    await response.write(b"001e# service=git-upload-pack\n0000")
    line = b"a" * 40 + b" refs/heads/" + b"b" * 180 + b"\n"
    with suppress(ConnectionError):
        while True:
            await response.write((b"%04x" % (len(line) + 4) + line) * 1000)
            await asyncio.sleep(0)  # that the client has left is noticed in between
    return response
