"""A real JupyterHub with its real proxy and real single-user servers, and launchers beside it."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests
from ports import free_port
from processes import Process
from waiting import wait_until

CONFIG = Path(__file__).with_name("realhub_config.py")
# without an import of jsonschema's that takes 2 s, for a format that nothing here uses
HUB = "import sys; sys.modules['rfc3987_syntax'] = None; from jupyterhub.app import main; main()"


class RealHub:
    """One hub, its proxy and its users' homes, below a folder."""

    def __init__(self, folder: Path, base_url="/", extra="", launcher_token=""):
        self.folder = folder
        (folder / "homes").mkdir(parents=True, exist_ok=True)
        self.origin = f"http://127.0.0.1:{free_port()}"
        self.url = self.origin + base_url.rstrip("/")
        self.hub_url = f"http://127.0.0.1:{free_port()}"
        self.api_url = f"{self.hub_url}{base_url}hub/api"
        self.launcher_token = launcher_token or secrets.token_hex(24)
        self.admin_token = secrets.token_hex(24)
        proxy_token = secrets.token_hex(16)
        proxy_api = f"http://127.0.0.1:{free_port()}"
        settings = {
            "folder": str(folder),
            "public_url": self.origin + base_url,
            "hub_url": self.hub_url,
            "proxy_api_url": proxy_api,
            "proxy_token": proxy_token,
            "launcher_token": self.launcher_token,
            "admin_token": self.admin_token,
            "extra": extra,
        }
        port = self.origin.rsplit(":", 1)[1]
        proxy = [shutil.which("configurable-http-proxy") or "configurable-http-proxy"]
        proxy += ["--ip", "127.0.0.1", "--port", port, "--api-ip", "127.0.0.1"]
        proxy += ["--api-port", proxy_api.rsplit(":", 1)[1], "--log-level", "warn"]
        proxy += ["--error-target", self.hub_url + base_url + "hub/error"]
        self.proxy = Process(proxy, folder, "proxy", {"CONFIGPROXY_AUTH_TOKEN": proxy_token})
        hub = [sys.executable, "-c", HUB, "-f", str(CONFIG)]
        self.hub = Process(hub, folder, "hub", {"TEST_HUB": json.dumps(settings)})

    def start(self):
        self.proxy.start()
        self.start_hub()
        return self

    def start_hub(self):
        self.hub.start()
        self.hub.wait_for(f"{self.url}/hub/api/", allow_redirects=False)
        # until the hub has told the proxy about itself, the proxy answers 404
        wait_until(lambda: requests.get(f"{self.url}/hub/api/", timeout=5).status_code == 200)

    def stop_hub(self):
        """End the hub alone; the proxy and the servers stay, as in an upgrade."""
        self.hub.stop(signal.SIGTERM)

    def stop(self):
        self.hub.stop()
        self.proxy.stop()
        for pid in self.server_pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def api(self, method, *segments, token=None, **kwargs):
        """A call to the hub's API as an administrator."""
        path = "/".join(quote(segment, safe="@~") for segment in segments)
        headers = {"Authorization": f"token {token or self.admin_token}"}
        url = f"{self.api_url}/{path}"
        return requests.request(method, url, headers=headers, timeout=30, **kwargs)

    def stop_server(self, user):
        """Stop the user's default server."""
        self.api("DELETE", "users", user, "server")
        wait_until(lambda: "" not in self.servers(user), "the end of the server", 30)

    def servers(self, user):
        return self.api("GET", "users", user).json().get("servers")

    def add_user(self, name):
        """The name of a user, who exists from now on."""
        assert self.api("POST", "users", name).status_code in (201, 409)
        return name

    def token_of(self, user, **fields):
        """A token as a user makes one on the hub's page."""
        self.add_user(user)
        answer = self.api("POST", "users", user, "tokens", json=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    def start_server(self, user, name=""):
        """Start a server of the user, the default one unless it is named."""
        self.add_user(user)
        self.api("POST", "users", user, *(("servers", name) if name else ("server",)))
        wait_until(lambda: self.is_ready(user, name), f"the server of {user}")

    def is_ready(self, user, name=""):
        server = (self.servers(user) or {}).get(name)
        return server and server["ready"]

    def server_pids(self):
        """Processes of single-user servers of this hub."""
        mark = str(self.folder).encode()
        pids = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                command = (entry.parent / "cmdline").read_bytes()
                ours = b"jupyterhub.singleuser" in command or b"evil_server" in command
                if ours and mark in entry.read_bytes():
                    pids.append(int(entry.parent.name))
        return pids

    def kill_server(self, user):
        """SIGKILL the user's server; the hub does not notice yet."""
        state = f"JUPYTERHUB_USER={user}\x00".encode()
        for pid in self.server_pids():
            if state in Path(f"/proc/{pid}/environ").read_bytes():
                os.kill(pid, signal.SIGKILL)

    def home(self, user):
        return self.folder / "homes" / user

    def notebook(self, user, path):
        """A notebook as it is on the disk."""
        return json.loads((self.home(user) / path).read_text(encoding="utf-8"))


class RealLauncher:
    """gunicorn with the launcher, four workers unless told otherwise."""

    def __init__(self, folder: Path, environment, workers=4, prefix="", port=0):
        self.origin = f"http://127.0.0.1:{port or free_port()}"
        self.url = self.origin + prefix
        command = [sys.executable, "-m", "gunicorn", "-c", "python:launcher.gunicorn"]
        command += ["-w", str(workers), "-b", self.origin.removeprefix("http://")]
        folder.mkdir(parents=True, exist_ok=True)
        self.gunicorn = Process(command, folder, "launcher", environment)

    def start(self):
        self.gunicorn.start()
        self.gunicorn.wait_for(f"{self.url}/health")
        return self

    def stop(self):
        self.gunicorn.stop()

    @property
    def log(self):
        return self.gunicorn.log.read_text()

    def post(self, path, body=None, *, token=None, auth=None, headers=None):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"token {token}"
        if auth:
            # requests writes Latin-1 where it can: RFC 7617 with UTF-8 is what we promise
            auth = tuple(part.encode("utf-8") for part in auth)
        url = self.url + path
        return requests.post(url, json=body, auth=auth, headers=headers, timeout=120)

    def hello(self, user, directory="somedirectory", hub=None, **notebook):
        """Launch hello with a new token of the user."""
        body = {"notebook": {"directory": directory, **notebook}}
        return self.post("/hello", body, token=hub.token_of(user))


def environment(hub: RealHub, **more):
    """What a launcher beside the hub is told."""
    return {
        "JUPYTERHUB_URL": hub.url,
        "JUPYTERHUB_TOKEN": hub.launcher_token,
        **more,
    }


def problem(answer, status, kind):
    """The detail of a problem, which must be of that status and type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:problem-type:launcher:{kind}"
    return answer.json()["detail"]


def open_in_lab(hub, location, token):
    """GET the page at a location, and the notebook in it, as the user's own browser would."""
    headers = {"Authorization": f"token {token}"}
    page = requests.get(location, headers=headers, timeout=30)
    assert page.status_code == 200, page.text[:300]
    assert "jupyterlab" in page.text.lower()
    before, _, path = urlsplit(location).path.partition("/tree/")
    contents = f"{hub.origin}{before.split('/lab/')[0]}/api/contents/{path}"
    return requests.get(contents, headers=headers, timeout=30).json()


@contextlib.contextmanager
def hubs(tmp_path_factory):
    """Starts hubs, and stops them at the end."""
    made = []

    def make(base_url="/", extra=""):
        made.append(RealHub(tmp_path_factory.mktemp("hub"), base_url, extra))
        return made[-1].start()

    yield make
    _stop_all(made)


@contextlib.contextmanager
def launchers(tmp_path_factory):
    """Starts launchers, and stops them at the end."""
    made = []

    def make(hub, *, workers=4, prefix="", config="", port=0, **more):
        folder = tmp_path_factory.mktemp("launcher")
        if config:
            (folder / "launcher_config.py").write_text(config)
        made.append(RealLauncher(folder, environment(hub, **more), workers, prefix, port))
        return made[-1].start()

    yield make
    _stop_all(made)


def _stop_all(things):
    """Stop all of them at the same time, as each takes seconds."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda thing: thing.stop(), things))


@pytest.fixture
def make_hub(tmp_path_factory):
    """Start hubs that end with the test."""
    with hubs(tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_hub(tmp_path_factory):
    """Start hubs that end with the tests of the file."""
    with hubs(tmp_path_factory) as make:
        yield make


@pytest.fixture
def make_launcher(tmp_path_factory):
    """Start launchers that end with the test."""
    with launchers(tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_launcher(tmp_path_factory):
    """Start launchers that end with the tests of the file."""
    with launchers(tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    """The hub that most tests share, below a path with a space in it."""
    with hubs(tmp_path_factory) as make:
        yield make(base_url="/@/space%20word/", extra="c.Spawner.start_timeout = 6")


@pytest.fixture(scope="session")
def beside(hub, tmp_path_factory):
    """A launcher with four workers beside `hub`; it starts servers whatever happened before."""
    config = "c.Launcher.breaker_seconds = 0\nc.Launcher.start_cooldown = 0\n"
    with launchers(tmp_path_factory) as make:
        yield make(hub, config=config)
