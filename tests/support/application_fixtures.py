"""Fixtures of most tests: a fake hub, its users, and applications beside it."""

import subprocess
import sys
from contextlib import suppress

import pytest
import requests
from application import NO_LIMITS_PER_ADDRESS, Gunicorn, application, environment
from fakehub import FakeHub, served
from ports import free_port
from waiting import MAX_SECONDS, wait_until


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


@pytest.fixture
def both(fakehub):
    """Somebody whose default server and whose server gpu run."""
    user = fakehub.add_user(server="ready")
    user.add_server("gpu", "ready")
    return user


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
