"""launcher doctor: the way from people to a launcher that runs, through a proxy of ours."""

import asyncio
import threading
from contextlib import contextmanager

import aiohttp
import pytest
from aiohttp import web
from application import environment
from edge import serving
from fakehub import page_answer

PREFIX = "/services/launcher"


class Proxy:
    """Passes requests on, with faults that proxies have."""

    def __init__(self, target):
        self.target = target
        self.url = ""
        self.limit = 2**30  # of a body, in bytes
        self.removed = ""  # from the begin of each path
        self.answer = None  # what it answers by itself
        self.heads = []

    async def handle(self, request):
        self.heads.append((request.raw_path, dict(request.headers)))
        body = await request.read()
        if self.answer:
            return self.answer()
        if len(body) > self.limit:
            return web.Response(status=413, text="<html>nginx", headers={"Server": "nginx"})
        path = request.raw_path.removeprefix(self.removed)
        headers = {"Content-Type": request.headers.get("Content-Type", "text/plain")}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, self.target + path, data=body, headers=headers
            ) as answer,
        ):
            kind = answer.headers["Content-Type"]
            return web.Response(
                status=answer.status, body=await answer.read(), headers={"Content-Type": kind}
            )


@contextmanager
def proxying(target):
    """A proxy on a port from the OS, on a loop of its own."""
    proxy, loop = Proxy(target), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = None

    async def start():
        nonlocal runner
        runner = web.ServerRunner(web.Server(proxy.handle, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return site._server.sockets[0].getsockname()[1]

    port = asyncio.run_coroutine_threadsafe(start(), loop).result()
    proxy.url = f"http://127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def _below_prefix(_fakehub, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefixed")
    environ = {**environment(_fakehub, folder), "BASE_PATH": PREFIX}
    with serving(_fakehub, folder, environ=environ, health=f"{PREFIX}/health") as served:
        yield served


@pytest.fixture
def below_prefix(fakehub, _below_prefix):
    """A launcher below a prefix."""
    return _below_prefix


@pytest.fixture
def proxy(below_prefix):
    """A proxy before the launcher, which is not the hub's."""
    with proxying(below_prefix.url) as running:
        yield running


@pytest.fixture
def prefixed(doctor, below_prefix):
    """Runs the doctor of that launcher."""

    def run(*words):
        where = {"BASE_PATH": PREFIX, "JUPYTERHUB_SERVICE_URL": below_prefix.url}
        return doctor("--json", *words, **where)

    return run


def test_a_proxy_that_keeps_the_path(prefixed, proxy):
    report = prefixed("--url", f"{proxy.url}{PREFIX}/")
    assert report.status == 0
    assert report.detail("path", "ok") == f"The launcher answers at {proxy.url}{PREFIX}."
    assert "A request of 1 MiB reaches" in report.detail("body-limit", "ok")


def test_a_proxy_that_removes_the_prefix(prefixed, proxy, below_prefix):
    proxy.removed = PREFIX
    report = prefixed("--url", proxy.url + PREFIX)
    assert report.status == 1
    assert "may remove the prefix" in report.detail("path", "failed")
    assert report.fix("path") == f"proxy_pass {below_prefix.url};"


def test_a_proxy_that_does_not_know_the_launcher(prefixed, proxy, below_prefix):
    proxy.answer = page_answer(404, "Jupyter has lots of moons, but this is not one")
    report = prefixed("--url", proxy.url + PREFIX)
    said = report.detail("path", "failed")
    assert said.startswith(f"The launcher answers at {below_prefix.url}{PREFIX}, and not at")
    assert report.fix("path") == f'"url": "{below_prefix.url}",'


def test_without_an_address_it_is_looked_for_at_the_hubs(prefixed, fakehub):
    assert f"and not at {fakehub.url}{PREFIX}" in prefixed().detail("path", "failed")


@pytest.mark.parametrize(
    ("limit", "passes"),
    [
        (2**20 - 1, "Requests of 512 KiB are accepted."),
        (100_000, "Requests of 64 KiB are accepted."),
        (0, "Smaller requests fail too."),
    ],
)
def test_a_proxy_with_a_limit_that_is_too_low(prefixed, proxy, limit, passes):
    proxy.limit = limit
    report = prefixed("--url", proxy.url + PREFIX)
    said = report.detail("body-limit", "failed")
    assert "a proxy (nginx) answers HTTP 413" in said
    assert passes in said
    assert report.fix("body-limit") == "client_max_body_size 2m;"


def test_what_is_sent_changes_nothing_and_carries_no_token(prefixed, proxy, fakehub):
    prefixed("--url", proxy.url + PREFIX)
    assert len(proxy.heads) == 2
    assert fakehub.token not in repr(proxy.heads)
    assert set(fakehub.beyond_identification) == {"GET /hub/api"}


def test_a_launcher_without_a_prefix(doctor, gunicorn):
    report = doctor(JUPYTERHUB_SERVICE_URL=gunicorn.url)
    assert "launcher doctor --url ADDRESS" in report.detail("path", "ok")
    assert report.detail("body-limit", "ok")


def test_a_proxy_that_adds_a_prefix(doctor, gunicorn):
    with proxying(gunicorn.url) as proxy:
        url = f"{proxy.url}/portal"
        report = doctor("--json", "--url", url, JUPYTERHUB_SERVICE_URL=gunicorn.url)
    assert "set BASE_PATH to it" in report.detail("path", "failed")
    assert report.fix("path") == "BASE_PATH=/portal"
