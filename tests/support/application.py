"""The real application beside a fake hub: in this process, and under gunicorn."""

import pickle
import socket
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from fakehub import FakeHub, User
from waiting import MAX_SECONDS

with warnings.catch_warnings():
    # what connexion 3.3 imports is deprecated where it comes from
    warnings.simplefilter("ignore")
    from connexion.spec import Specification
    from starlette.testclient import TestClient

    from launcher import config, store
    from launcher.api import specification
    from launcher.app import create_app
    from launcher.experiments import Catalogue

# for applications that many tests share, all of them from one address
NO_LIMITS_PER_ADDRESS = {
    "max_failed_logins_per_address": 10**6,
    "max_unknown_tokens_per_address": 10**6,
}


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


@cache
def bundled_experiments() -> Catalogue:
    """The launcher's own experiments, loaded once in place of once per application."""
    return Catalogue.load()


_check = Specification._validate_spec.__func__
_checked = set()


@cache
def _pickled() -> bytes:
    return pickle.dumps(specification.read())


def _check_once(cls, spec):
    """Validate what Connexion is given, unless another application of this process had the same."""
    if (content := pickle.dumps(spec)) not in _checked:
        _check(cls, spec)
        _checked.add(content)


@contextmanager
def _specification():
    """openapi.yaml is read and validated once in place of once per application."""
    with (
        mock.patch.object(specification, "read", return_value=pickle.loads(_pickled())),
        mock.patch.object(Specification, "_validate_spec", classmethod(_check_once)),
    ):
        yield


@cache
def _new_database() -> bytes:
    """A migrated SQLite without rows: to copy it takes less than to migrate each anew."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "launcher.sqlite"
        store.migrate(f"sqlite:///{path}")
        return path.read_bytes()


def _migrate(url: str) -> None:
    """Migrate the database; a new SQLite is a copy of a migrated one."""
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        path.write_bytes(_new_database())
        path.chmod(0o600)
    else:
        store.migrate(url)


@contextmanager
def application(hub: FakeHub, folder, environ=None, *, ended=None, **settings: object):
    """A client of the application with these settings and a migrated SQLite in `folder`.

    `ended` is called when the application wants its process to end.
    """
    environ = {**environment(hub, folder), **(environ or {})}
    if settings.get("git_hosts"):
        settings.setdefault("hook_token", "x" * 30)  # projects need the hook
    app_settings = config.Launcher(environ, **settings)
    _migrate(app_settings.database_url)
    experiments = None if app_settings.experiment_paths else bundled_experiments()
    with _specification():
        app = create_app(
            app_settings.check(), end_process=ended or (lambda: None), experiments=experiments
        )
    # what the application sees at the other end of its connections
    peer = {"client": ("127.0.0.1", 50_000)}
    with Client(app, raise_server_exceptions=False, follow_redirects=False, **peer) as client:
        client.settings = app_settings
        yield client


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
