"""`make run`, for real: what it prints works, and nothing of it stays."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests
from ports import free_port
from waiting import wait_until

DEMO = Path(__file__).parents[2] / "deploy/demo.py"
READY_SECONDS = 90
STOP_SECONDS = 45


class Demo:
    """A run of demo.py with its files in a folder of its own."""

    def __init__(self, state: Path, port: int, output: Path) -> None:
        self.state, self.port, self._output = state, port, output
        with output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, DEMO, "--state", state, "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, text: str) -> str:
        """Everything printed, once `text` is in it."""

        def is_printed():
            output = self.output
            assert text in output or self.process.poll() is None, output
            return text in output

        wait_until(is_printed, text, READY_SECONDS)
        return self.output

    def printed(self, label: str) -> str:
        """What stands on the line that begins with `label`."""
        return re.search(rf"^ *{label} +(.*)$", self.output, re.MULTILINE)[1]

    def run_curl(self) -> dict:
        """What the printed curl line answers."""
        command = re.search(r"curl .*?\n\n", self.output, re.DOTALL)[0]
        answer = subprocess.run(
            ["bash", "-c", f"{command.strip()} -sS"], capture_output=True, text=True, check=True
        )
        return json.loads(answer.stdout)

    def open_in_browser(self, url: str) -> requests.Response:
        """Where somebody ends who opens the address and signs in as it is printed."""
        name, _, password = self.printed("Sign in as").partition(", password ")
        with requests.Session() as browser:
            form = browser.get(url, timeout=10)
            return browser.post(
                form.url,
                params={"_xsrf": browser.cookies.get("_xsrf", path="/hub/")},
                data={"username": name, "password": password},
                timeout=10,
            )

    def ends_whole(self, number: int) -> None:
        """Send the signal; see that no process stays and that the port is free."""
        us = psutil.Process(self.process.pid)
        processes = [us, *us.children(recursive=True)]
        assert any("singleuser" in " ".join(process.cmdline()) for process in processes)
        self.process.send_signal(number)
        assert self.process.wait(STOP_SECONDS) == (-number if number == signal.SIGKILL else 0)
        assert not psutil.wait_procs(processes, timeout=STOP_SECONDS)[1]
        assert is_free(self.port)


def is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def state(tmp_path):
    """The folder for a demo's files."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def start(state):
    """Starts demos with that folder, and ends those that the test left running."""
    demos = []

    def run(port: int) -> Demo:
        demos.append(Demo(state, port, output=state.with_name(f"output-{len(demos)}")))
        return demos[-1]

    yield run
    for demo in demos:
        if demo.process.poll() is None:
            demo.process.terminate()
            demo.process.wait(STOP_SECONDS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=str)
def test_what_is_printed_works_and_nothing_stays(start, number):
    demo = start(free_port())
    demo.wait_for("Ctrl-C")
    notebook = demo.printed("Notebook")
    assert f":{demo.port}/user/demo/lab/" in notebook
    assert notebook.partition("?")[0].endswith("/tree/demo/hello.ipynb")
    assert (demo.state / "home/demo/demo/hello.ipynb").is_file()
    page = demo.open_in_browser(notebook)
    assert (page.status_code, page.url) == (200, notebook)
    assert "<title>JupyterLab</title>" in page.text
    assert requests.get(demo.printed("Swagger UI"), timeout=10).status_code == 200
    if shutil.which("curl"):
        assert "/tree/demo/hello-1.ipynb" in demo.run_curl()["location"]
        assert (demo.state / "home/demo/demo/hello-1.ipynb").is_file()
    demo.ends_whole(number)


@pytest.mark.slow
def test_a_taken_port_is_left_alone(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        demo = start(taken.getsockname()[1])
        demo.wait_for("Ctrl-C")
    used = int(demo.printed(f"Port {demo.port} is in use; using").rstrip("."))
    assert f"http://127.0.0.1:{used}/user/demo/" in demo.printed("Notebook")
    demo.ends_whole(signal.SIGTERM)


@pytest.mark.slow
def test_the_password_and_what_is_in_the_home_outlast_a_run(start, state):
    kept = state / "home/demo/demo/hello.ipynb"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    (state / "demo.json").write_text(json.dumps({"password": "of-the-last-run"}))
    demo = start(free_port())
    demo.wait_for("Ctrl-C")
    assert "/tree/demo/hello-1.ipynb" in demo.printed("Notebook")
    assert demo.printed("Sign in as") == "demo, password of-the-last-run"
    assert kept.read_text() == "mine"


def test_a_second_demo_with_the_same_files_says_so(start, state):
    first = start(free_port())
    first.wait_for("Starting")
    second = start(free_port())
    assert second.process.wait(READY_SECONDS) == 1
    assert "The demo runs already" in second.output
    assert first.process.poll() is None
    for private in (state, state / "demo.json"):
        assert private.stat().st_mode & 0o077 == 0


def test_a_hub_that_does_not_start_is_told_with_its_log(start, state):
    (state / "jupyterhub_cookie_secret").write_text("not a secret")
    demo = start(free_port())
    assert demo.process.wait(READY_SECONDS) == 1
    assert "did not start" in demo.output
    assert "cookie_secret" in demo.output
    assert is_free(demo.port)


def test_a_terminal_that_lacks_a_character_sees_the_rest(start, state, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    (state / "jupyterhub_cookie_secret").write_text("not a secret")
    demo = start(free_port())
    assert demo.process.wait(READY_SECONDS) == 1
    assert "Starting JupyterHub and the launcher ?" in demo.output
    assert "did not start" in demo.output
