"""The fenced blocks of the documentation, and a folder in which the blocks of one page run.

A comment above each block says how it is tested: `<!-- test: HOW -->`. HOW is a method of `Page`,
with its arguments, or `no, REASON`.
"""

import builtins
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml
from application import environment
from jupyterhub.app import JupyterHub
from jupyterhub.scopes import scope_definitions
from jupyterhub.services.service import Service
from ports import free_port
from traitlets.config import Config
from waiting import MAX_SECONDS, wait_until

import launcher.web
from launcher import config
from launcher.client import LauncherClient

CHECKOUT = Path(__file__).parents[2]
PAGES = [
    *(CHECKOUT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")),
    *sorted((CHECKOUT / "docs").glob("*.md")),
]
# where the pages say that the launcher is
ADDRESS = re.compile(r"(https://hub\.example\.org|http://127\.0\.0\.1:8000)(/services/launcher)?")
PASSWORD = "a password"

_BLOCK = re.compile(
    r"^(?:(?P<mark> *)<!-- test: (?P<how>.*?) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_DIRECTIVE = re.compile(r"^( *)```\{.*?^\1```$", re.DOTALL | re.MULTILINE)
_CALL = """
console.log(await launch(process.env.HUB_TOKEN));
"""
MODULE = Path(launcher.web.__file__).parent / "static/launcher.js"


@dataclass(frozen=True)
class Block:
    """A fenced block: how it is tested, its language and its text."""

    how: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, without directives of Sphinx."""
    text = _DIRECTIVE.sub("", page.read_text(encoding="utf-8"))
    return [
        Block(found["how"] or "", found["language"], textwrap.dedent(found["text"]))
        for found in _BLOCK.finditer(text)
    ]


def _example() -> Config:
    """jupyterhub_config.py.example, with a token in it."""
    read, text = Config(), (CHECKOUT / "jupyterhub_config.py.example").read_text(encoding="utf-8")
    exec(text.replace('"api_token": ""', '"api_token": "secret"'), {"get_config": lambda: read})
    return read


def check_hub_config(read: Config) -> None:
    """Fail for a name, service or scope that JupyterHub does not know."""
    hub = JupyterHub(config=read)  # checks the types
    assert read.keys() <= {"JupyterHub", "Authenticator", "Spawner"}
    assert read.JupyterHub.keys() <= set(hub.class_traits(config=True))
    for service in hub.services:
        assert service.keys() <= set(Service.class_traits()), service
    scopes = {scope.partition("!")[0] for role in hub.load_roles for scope in role["scopes"]}
    assert scopes <= scope_definitions.keys() | hub.custom_scopes.keys()


def _has(program: str) -> bool:
    return shutil.which(program) is not None


class Page:
    """Runs the blocks of one page, in order, in a folder.

    The launcher is the shared one at `url`, or one in this folder once the page needs that.
    """

    def __init__(self, folder: Path, hub, url: str) -> None:
        self.folder, self.hub, self.url = folder, hub, url
        self.names: dict[str, object] = {}
        self._hub_config = _example()
        self._process: subprocess.Popen | None = None
        (folder / ".curlrc").write_text("fail-with-body\nmax-time = 60\n")
        self.environ = self._environ()

    def _environ(self) -> dict[str, str]:
        """The people and services that the pages speak of, with their credentials."""
        users = [self.hub.add_user(name, password=PASSWORD) for name in ("alice", "demo")]
        admin = self.hub.add_user("root", scopes=("self", "admin:servers", "access:services"))
        path = [str(Path(sys.executable).parent), os.environ["PATH"]]
        return {
            "PATH": os.pathsep.join(path),
            "CURL_HOME": str(self.folder),
            "PASSWORD": PASSWORD,
            "HUB_TOKEN": users[0].token,
            "ADMIN_TOKEN": admin.token,
            "PORTAL_TOKEN": self.hub.add_service("custom:launcher:on-behalf", name="portal"),
            "PROMETHEUS_TOKEN": self.hub.add_service("read:metrics", name="prometheus"),
        }

    def run(self, block: Block) -> None:
        """Run a block as its comment says."""
        how, *words = block.how.split()
        getattr(self, how.replace("-", "_"))(block.text, *words)

    def close(self) -> None:
        """End the clients and the page's own launcher."""
        for value in self.names.values():
            if isinstance(value, LauncherClient):
                value.close()
        if self._process:
            self._process.terminate()
            self._process.wait(MAX_SECONDS)

    # what a comment may say

    def shell(self, text: str, *needs: str) -> None:
        """Commands of a shell that succeed; variables stay for the next block of the page."""
        if needs and not all(_has(program) for program in needs):
            pytest.skip(f"this machine lacks {' or '.join(needs)}")
        done = self._shell(text)
        assert done.returncode == 0, done.stdout

    def shell_fails(self, text: str, status: str) -> None:
        """A curl command that the launcher answers with this status."""
        done = self._shell(text)
        assert done.returncode == 22, done.stdout
        assert f'"status": {status}' in done.stdout

    def python(self, _text: str, name: str) -> None:
        """Python runs a file of the page."""
        done = self._run([sys.executable, "-W", "error", name])
        assert done.returncode == 0, done.stdout

    def python_raises(self, text: str, name: str) -> None:
        """Python code that ends with this exception."""
        with pytest.raises(getattr(builtins, name)):
            exec(text, {})

    def client(self, text: str) -> None:
        """Python code that calls the launcher; names stay for the next block of the page."""
        exec(self._local(text), self.names)

    def javascript(self, text: str) -> None:
        """A function `launch`, called by Node.js, which imports no module over HTTP."""
        local = re.sub(r'"[^"]*/static/launcher.js"', json.dumps(MODULE.as_uri()), text)
        done = self._run(["node", "--input-type=module", "-e", self._local(local) + _CALL])
        assert done.returncode == 0, done.stdout
        last = done.stdout.splitlines()[-1]
        assert last.startswith(f"{self.hub.url}/user/alice/lab/")
        origin = {"Origin": "https://portal.example.org", "Access-Control-Request-Method": "POST"}
        names = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer"
        asked = {**origin, "Access-Control-Request-Headers": names}
        url = f"{self.url}/experiments/hello"
        assert requests.options(url, headers=asked, timeout=MAX_SECONDS).status_code == 200

    def file(self, text: str, name: str) -> None:
        """A file of the page. A configuration starts a launcher with it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._local(text))
        if path.name == config.CONFIG_FILE:
            self._start(path.parent)

    def launcher_config(self, text: str) -> None:
        """A configuration with which the launcher could start."""
        path = self.folder / "snippet.py"
        path.write_text(text)
        more = {"LAUNCHER_CONFIG": str(path), "LAUNCHER_HOOK_TOKEN": 30 * "x"}
        settings = config.load({**environment(self.hub, self.folder), **more})
        for name in re.findall(r"c\.Launcher\.(\w+)", text):
            assert name in settings.class_traits(config=True), name

    def hub_config(self, text: str) -> None:
        """What is added to jupyterhub_config.py.example, after the blocks before it."""
        exec(text, {"c": self._hub_config})
        check_hub_config(self._hub_config)

    def yaml(self, text: str) -> None:
        """YAML."""
        assert yaml.safe_load(text)

    def json(self, text: str) -> None:
        """JSON."""
        assert json.loads(text)

    # how

    def _local(self, text: str) -> str:
        return ADDRESS.sub(self.url, text)

    def _shell(self, text: str) -> subprocess.CompletedProcess:
        if "launcher.sqlite" in text and not self._process:
            self._start(self.folder)
        # curl would ask for the password
        text = re.sub(r"-u (\w+)(?= )", r'-u "\1:$PASSWORD"', self._local(text))
        script = f"set -eua -o pipefail; [ ! -f .env ] || . ./.env\n{text}\nexport -p > .env\n"
        return self._run(["bash", "-c", script])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * MAX_SECONDS,
        )

    def _start(self, folder: Path) -> None:
        """Start a launcher with its files in `folder`."""
        bind = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "launcher", "serve", "--workers", "1", "--bind", bind]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment(self.hub, folder), "PATH": ""},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.url = f"http://{bind}"
        wait_until(lambda: self._is_ready(folder / "log"), "the start of the launcher")

    def _is_ready(self, log: Path) -> bool:
        assert self._process.poll() is None, log.read_text()
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/ready", timeout=MAX_SECONDS).ok
        return False
