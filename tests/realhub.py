"""A real JupyterHub with its real proxy and real single-user servers, and launchers beside it."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from ports import free_port

CONFIG = Path(__file__).with_name("realhub_config.py")
READY_SECONDS = 60
DEAD_SECONDS = 15
# Runs the code of the next argument. The module left out is wanted for a format of JSON Schema that
# nothing here uses, and takes 1.7 s of processor to import.
QUICK_PYTHON = [sys.executable, "-c"]
QUICK_PYTHON += ["import sys; sys.modules['rfc3987_syntax'] = None; exec(sys.argv.pop(1))"]


def wait_until(true, seconds=READY_SECONDS, what="it"):
    """Poll until `true()` is; what it said last is in the failure."""
    end = time.monotonic() + seconds
    while not (answer := true()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen in {seconds} s: {answer!r}")
        time.sleep(0.05)
    return answer


def answers(url, **kwargs):
    """Whether anybody answers at `url`, with no server error."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=5, **kwargs).status_code < 500
    return False


class Process:
    """A program with its output in a file, and no child that survives it."""

    def __init__(self, command, folder, name, env):
        self.command, self.folder, self.name, self.env = command, folder, name, env
        self.log = folder / f"{name}.log"
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.env},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, url, **kwargs):
        def up():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended:\n{self.log.read_text()[-3000:]}")
            return answers(url, **kwargs)

        wait_until(up, what=f"{self.name} at {url}")

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(DEAD_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            # gunicorn's workers outlive a SIGKILL by seconds, and answer at its port meanwhile
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


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
        hub = [*QUICK_PYTHON, "from jupyterhub.app import main; main()", "-f", str(CONFIG)]
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
        self.api("DELETE", "users", user, "server")
        wait_until(lambda: not self.servers(user), 30, "the end of the server")

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

    def start_server(self, user):
        self.add_user(user)
        self.api("POST", "users", user, "server")
        wait_until(lambda: self.is_ready(user), what=f"the server of {user}")

    def is_ready(self, user):
        server = (self.servers(user) or {}).get("")
        return server and server["ready"]

    def server_pids(self):
        """Processes of single-user servers of this hub."""
        mark = str(self.folder).encode()
        pids = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                command = (entry.parent / "cmdline").read_bytes()
                if b"jupyterhub.singleuser" in command and mark in entry.read_bytes():
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

    def __init__(self, folder: Path, environment, workers=4, prefix=""):
        self.origin = f"http://127.0.0.1:{free_port()}"
        self.url = self.origin + prefix
        command = [*QUICK_PYTHON, "from gunicorn.app.wsgiapp import run; run()"]
        command += ["-c", "python:launcher.gunicorn"]
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


def _stop_all(things):
    """Stop all of them at the same time, as each takes seconds."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda thing: thing.stop(), things))


@pytest.fixture(scope="session")
def make_hub(tmp_path_factory):
    """Start hubs of a test's own; they end with the session, or by `stop`."""
    hubs = []

    def make(base_url="/", extra=""):
        hub = RealHub(tmp_path_factory.mktemp("hub"), base_url, extra)
        hubs.append(hub)
        return hub.start()

    yield make
    _stop_all(hubs)


@pytest.fixture(scope="session")
def make_launcher(tmp_path_factory):
    """Start launchers; they end with the session, or by `stop`."""
    launchers = []

    def make(hub, *, workers=4, prefix="", config="", **more):
        folder = tmp_path_factory.mktemp("launcher")
        if config:
            (folder / "launcher_config.py").write_text(config)
        env = environment(hub, **more)
        launcher = RealLauncher(folder, env, workers, prefix)
        launchers.append(launcher)
        return launcher.start()

    yield make
    _stop_all(launchers)


@pytest.fixture(scope="session")
def hub(make_hub):
    """The hub that most tests share, below a path with a space in it."""
    return make_hub(base_url="/@/space%20word/", extra="c.Spawner.start_timeout = 6")


@pytest.fixture(scope="session")
def beside(hub, make_launcher):
    """A launcher with four workers beside `hub`; it starts servers whatever happened before."""
    config = "c.Launcher.breaker_seconds = 0\nc.Launcher.start_cooldown = 0\n"
    return make_launcher(hub, config=config)
