"""A registry of images over https on loopback, and its token service, after the specifications.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md for `/v2/`, and
https://distribution.github.io/distribution/spec/auth/token for the tokens. `registry_contract`
holds it to the real one.
"""

import asyncio
import base64
import hashlib
import json
import re
import secrets
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from certificates import Authority

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_MANIFEST = re.compile(r"/v2/(?P<path>[a-z0-9._/-]+)/manifests/(?P<reference>[\w.:+-]+)")


def manifest(number=0):
    """The manifest of an image, as bytes."""
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2}
    config["digest"] = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
    return json.dumps({**body, "annotations": {"number": str(number)}}).encode()


@dataclass
class HostedImage:
    """The manifests of a repository of images by tag, and who may pull them."""

    manifests: dict[str, bytes] = field(default_factory=dict)
    readers: set[str] | None = None
    """Names of users; None: everybody."""

    def find(self, reference):
        """The manifest with that tag or digest."""
        digests = {digest_of(each): each for each in self.manifests.values()}
        return self.manifests.get(reference) or digests.get(reference)

    def is_readable(self, user):
        return self.readers is None or user in self.readers


def digest_of(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class SeenByRegistry:
    """A request that reached the registry or its token service."""

    method: str
    path: str
    query: dict
    authorization: str


class FakeRegistry:
    """The registry; it runs in a thread from `start` to `stop`."""

    def __init__(self, authority: Authority, *, certificate=None) -> None:
        """`certificate` has the keywords of `Authority.server`."""
        self.images: dict[str, HostedImage] = {}
        self.users: dict[str, str] = {}
        """The user of each password or access token."""
        self.asks_for = ""
        """How it asks for access: bearer, basic, or '' if everybody may pull everything."""
        self.realm = ""
        """The token service's address; '' for its own."""
        self.misbehaves = ""
        """How each request is answered: hang, redirect, error, throttle, html, page, …; or ''."""
        self.token_service_misbehaves = ""
        self.seen: list[SeenByRegistry] = []
        self._granted: dict[str, tuple[str, str]] = {}
        """The user and the repository of each token that was given."""
        self._tls = authority.server(**(certificate or {}))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.name}"

    def start(self) -> "FakeRegistry":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def push(self, path, tag, *, readers=None) -> str:
        """Add an image; returns the digest of its manifest."""
        image = self.images.setdefault(path, HostedImage(readers=readers))
        image.manifests[tag] = manifest(len(image.manifests))
        return digest_of(image.manifests[tag])

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        hanging = asyncio.all_tasks() - {asyncio.current_task()}
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    async def _answer(self, request):
        self._note(request)
        if request.path == "/jwt/auth":
            return await self._give_token(request)
        if self.misbehaves:
            return await misbehave(self.misbehaves)
        return self._of_api(request)

    async def token_service(self, site, request):
        """The token service on another host: the `api` of a `GitSite`."""
        self._note(request)
        return await self._give_token(request)

    def _note(self, request):
        authorization = request.headers.get("Authorization", "")
        seen = SeenByRegistry(request.method, request.raw_path.partition("?")[0],
                              dict(request.query), authorization)  # fmt: skip
        self.seen.append(seen)

    def _of_api(self, request):
        if request.path == "/v2/":
            return self._refused(request, None) or web.json_response({})
        found = _MANIFEST.fullmatch(request.path)
        if not found or request.method not in ("GET", "HEAD"):
            return problem(404, "NAME_UNKNOWN")
        path = found["path"]
        if refused := self._refused(request, path):
            return refused
        image = self.images.get(path)
        if image is None:
            return problem(404, "NAME_UNKNOWN")
        content = image.find(found["reference"])
        if content is None:
            return problem(404, "MANIFEST_UNKNOWN")
        # the length of a response to HEAD is that of GET
        headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": digest_of(content),
                   "Content-Length": str(len(content))}  # fmt: skip
        return web.Response(headers=headers, body=None if request.method == "HEAD" else content)

    def _refused(self, request, path):
        """The 401 that says where to get access to an image; None for who may read it."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if self.asks_for == "basic":
            user = self._basic(value) if scheme == "Basic" else None
            if user and (path is None or self._may_read(user, path)):
                return None
            return problem(401, "UNAUTHORIZED", challenge='Basic realm="registry"')
        if self.asks_for == "bearer":
            user, granted = self._granted.get(value, (None, None))
            if scheme == "Bearer" and granted == path:
                return None
            challenge = f'Bearer realm="{self.realm or self.url + "/jwt/auth"}",service="registry"'
            scope = f',scope="repository:{path}:pull"' if path else ""
            return problem(401, "UNAUTHORIZED", challenge=challenge + scope)
        return None

    def _may_read(self, user, path):
        return path not in self.images or self.images[path].is_readable(user)

    async def _give_token(self, request):
        if self.token_service_misbehaves:
            return await misbehave(self.token_service_misbehaves)
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        user = self._basic(value) if scheme == "Basic" else ""
        scope = re.fullmatch(r"repository:([^:]+):pull", request.query.get("scope", ""))
        path = scope[1] if scope else ""
        if user is None or not self._may_read(user, path):
            return web.json_response({"errors": [{"code": "DENIED"}]}, status=403)
        token = secrets.token_urlsafe(24)
        self._granted[token] = (user, path)
        return web.json_response({"token": token, "expires_in": 300})

    def _basic(self, value):
        """The user of a header; None if the password is not valid."""
        return self.users.get(base64.b64decode(value).decode().partition(":")[2])


def problem(status, code, *, challenge=""):
    """An error as the specification has it."""
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    return web.json_response({"errors": [{"code": code}]}, status=status, headers=headers)


async def misbehave(how):
    """The response of a server that is no registry, or a broken one."""
    if how == "hang":
        await asyncio.sleep(600)
    if how == "no-challenge":
        return web.Response(status=401)
    if how == "flood":
        return web.Response(body=b"[" * 2**22, content_type="application/json")
    if how == "page":
        return web.Response(text="<html>Sign in</html>", content_type="text/html")
    if how == "json":
        return web.json_response({"token": ["canary"], "access_token": "a\nb"})
    if how == "redirect":
        return web.Response(status=302, headers={"Location": "https://127.0.0.1:1/elsewhere"})
    return web.Response(status=int(how), headers={"Retry-After": "17"}, text="postgres://secret")


@asynccontextmanager
async def until_closed():
    """Waits, at the end, until the connections that were made in this loop are closed.

    asyncio closes a socket when the other side has ended TLS, too.
    """
    try:
        yield
    finally:
        # one socket is the loop's own
        while len(asyncio.get_running_loop()._selector.get_map()) > 1:
            await asyncio.sleep(0.01)
