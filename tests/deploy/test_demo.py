"""`make run`, for real: what it prints works, and nothing of it stays."""

import html
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
import requests
from documents import CHECKOUT, blocks
from ports import free_port
from site_of_launcher import xsrf_of
from waiting import wait_until

DEMO = CHECKOUT / "deploy/demo.py"
COURSE = CHECKOUT / "docs/course_material.md"
READY_SECONDS = 90
STOP_SECONDS = 45
PROJECT = 1
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="this machine lacks curl")


class Demo:
    """A run of demo.py with its files in a folder of its own."""

    def __init__(self, state: Path, port: int, output: Path, path: str) -> None:
        self.state, self.port, self._output = state, port, output
        with output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, DEMO, "--state", state, "--port", str(port)],
                env={**os.environ, "PATH": path},
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

    def run_curl(self, number: int = 0) -> dict:
        """What a printed curl command answers: the first one, or that for the project."""
        command = re.findall(r"curl .*?\n\n", self.output, re.DOTALL)[number]
        answer = subprocess.run(
            ["bash", "-c", f"{command.strip()} -sS"], capture_output=True, text=True, check=True
        )
        return json.loads(answer.stdout)

    def opens_the_project(self) -> Path:
        """Start a server with the printed command, and open the form with the printed link.

        Returns the workspace of that server.
        """
        server = self.run_curl(PROJECT)
        assert server["project"]["checkout"] == "done"
        form = self.open_in_browser(self.printed("Project"))
        assert form.url.endswith("&follow=branch&notebook=first-steps.ipynb")
        for shown in ("Git on this machine", "/demo/course", "Memory", server["name"]):
            assert shown in form.text
        return self.state / "home/demo" / server["project"]["folder"]

    def follows_the_course(self) -> Path:
        """Start a server that follows the branch, as the printed link does; its workspace."""
        asked = parse_qs(urlsplit(self.printed("Project")).query)
        body = {"repository": asked["repo"][0], "ref": asked["ref"][0], "follow": "branch"}
        name, _, password = self.printed("Sign in as").partition(", password ")
        url = self.printed("Home page").removesuffix("/home/") + "/servers"
        server = requests.post(url, json=body, auth=(name, password), timeout=60).json()
        return self.state / "home/demo" / server["project"]["folder"]

    def open_in_browser(self, url: str, user: str = "") -> requests.Response:
        """Where somebody ends who opens the address and signs in as it is printed, or as a user."""
        name, _, password = self.printed("Sign in as").partition(", password ")
        name = user or name
        with requests.Session() as browser:
            form = browser.get(url, timeout=10)
            return browser.post(
                form.url,
                params={"_xsrf": browser.cookies.get("_xsrf", path="/hub/")},
                data={"username": name, "password": password},
                timeout=10,
            )

    def shows_a_workshop(self) -> None:
        """Look at the workshop as its teacher and as a participant."""
        page, _, names = self.printed("Workshop").partition(" (")
        assert names == "sign in as ada, ben or cleo, same password, to see a participant's page)"
        seen = self.text_of(page)
        for shown in (">ada<", ">ben<", ">cleo<", "3 of 3 participants saved it"):
            assert shown in seen
        assert " by demo-data, 6 code cells" in self.text_of(f"{page}/class")
        mine = self.text_of(page, "ben")
        assert ">first-steps/first-steps.ipynb<" in mine
        assert ">ada<" not in mine

    def text_of(self, page: str, user: str = "") -> str:
        """The HTML that somebody sees, on one line."""
        return " ".join(self.open_in_browser(page, user).text.split())

    def launches_from_the_portal(self) -> None:
        """Sign in to the portal, and launch with the token that its page gets."""
        portal = self.printed("Portal")
        launcher = self.printed("Home page").removesuffix("/home/")
        with requests.Session() as browser:
            form = browser.get(f"{portal}sign-in", timeout=10)
            name, _, password = self.printed("Sign in as").partition(", password ")
            page = browser.post(
                form.url,
                params={"_xsrf": browser.cookies.get("_xsrf", path="/hub/")},
                data={"username": name, "password": password},
                timeout=10,
            )
            assert 'data-signed-in="yes"' in page.text, page.text
            assert browser.get(f"{portal}token", timeout=10).status_code == 403
            answer = browser.get(f"{portal}token", headers={"X-Portal": "page"}, timeout=10)
        body = {"notebook": {"directory": "portal"}}
        headers = {"Authorization": f"token {answer.json()['token']}", "Origin": portal[:-1]}
        launched = requests.post(
            f"{launcher}/experiments/hello", json=body, headers=headers, timeout=60
        )
        assert launched.status_code == 200, launched.text
        assert launched.headers["Access-Control-Allow-Origin"] == portal[:-1]

    def runs_in_the_second_environment(self) -> None:
        """Select it on the page, start the server with the hub's form, and look what it runs in."""
        page, _, sentence = self.printed("Environments").partition(" ")
        assert "second" in sentence
        hub = page.partition("/services/")[0]
        name, _, password = self.printed("Sign in as").partition(", password ")
        with requests.Session() as browser:
            form = browser.get(page, timeout=10)
            xsrf = browser.cookies.get("_xsrf", path="/hub/")
            shown = post(browser, form.url, username=name, password=password, _xsrf=xsrf)
            second = re.search(r'id="environment-(\w+)">\s*<div[^>]*><strong>second<', shown.text)[
                1
            ]
            sent = {"action": "select", "entrypoint": second, "_xsrf": xsrf_of(shown)}
            assert "Clear" in post(browser, f"{page}?system=desk", **sent).text

            launcher = page.removesuffix("/home/environments")
            requests.delete(f"{launcher}/server", auth=(name, password), timeout=60)
            form = browser.get(f"{hub}/hub/spawn", timeout=10)
            assert "Laptop" in form.text
            action = html.unescape(re.search(r'action="([^"]+)"', form.text)[1])
            post(browser, f"{hub}{action}", system="desk")
            lab = f"{hub}/user/{name}/lab"
            wait_until(lambda: "<title>JupyterLab<" in browser.get(lab, timeout=60).text)
        asked = {"auth": {"username": name, "password": password}}
        made = requests.post(f"{hub}/hub/api/users/{name}/tokens", json=asked, timeout=10)
        headers = {"Authorization": f"token {made.json()['token']}"}
        url = f"{hub}/user/{name}/api/kernelspecs"
        kernels = requests.get(url, headers=headers, timeout=10).json()["kernelspecs"]
        assert kernels["python3"]["spec"]["display_name"] == "Python 3 (second environment)"

    def ends_whole(self, number: int) -> None:
        """Send the signal; see that no process stays and that the port is free."""
        us = psutil.Process(self.process.pid)
        processes = [us, *us.children(recursive=True)]
        assert any("singleuser" in " ".join(process.cmdline()) for process in processes)
        self.process.send_signal(number)
        assert self.process.wait(STOP_SECONDS) == (-number if number == signal.SIGKILL else 0)
        assert not psutil.wait_procs(processes, timeout=STOP_SECONDS)[1]
        assert is_free(self.port)


def post(browser: requests.Session, url: str, **fields: str) -> requests.Response:
    """The page after a form was submitted."""
    answer = browser.post(url, data=fields, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock.connect_ex(("127.0.0.1", port)) != 0


def path_with_git(folder: Path, script: str) -> str:
    """A PATH with the programs of this machine's, and another git or none."""
    folder.mkdir()
    for directory in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(directory).glob("*"):
            link = folder / program.name
            link.unlink(missing_ok=True)
            link.symlink_to(program)
    (folder / "git").unlink(missing_ok=True)
    if script:
        (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "git").chmod(0o755)
    return str(folder)


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

    def run(port: int, path: str = os.environ["PATH"]) -> Demo:
        demos.append(Demo(state, port, state.with_name(f"output-{len(demos)}"), path))
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
    home = demo.open_in_browser(demo.printed("Home page"))
    assert (home.status_code, home.url) == (200, demo.printed("Home page"))
    assert "Recent launches" in home.text
    demo.launches_from_the_portal()
    demo.shows_a_workshop()
    if shutil.which("curl"):
        assert "/tree/demo/hello-1.ipynb" in demo.run_curl()["location"]
        assert (demo.state / "home/demo/demo/hello-1.ipynb").is_file()
        workspace = demo.opens_the_project()
        assert (workspace / "data/stations.csv").is_file()
    demo.runs_in_the_second_environment()
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
    assert "sign in again and make new tokens" in demo.output


@needs_curl
@pytest.mark.slow
def test_the_next_run_finds_the_workspace_of_the_project(start, state, tmp_path):
    first = start(free_port())
    first.wait_for("Ctrl-C")
    workspace = first.opens_the_project()
    (workspace / "stations.ipynb").write_text("mine")
    followed = first.follows_the_course()
    first.ends_whole(signal.SIGINT)
    second = start(free_port())
    second.wait_for("Ctrl-C")
    assert second.opens_the_project() == workspace
    assert (workspace / "stations.ipynb").read_text() == "mine"

    # the course is changed, as docs/course_material.md has it
    (change,) = [each.text for each in blocks(COURSE) if "test_demo.py" in each.how]
    change = change.replace(".run/", f"{state}/").replace("/tmp/course", f"{tmp_path}/course")
    subprocess.run(["bash", "-euc", change], check=True, timeout=60)
    assert second.follows_the_course() == followed
    assert (followed / "README.md").read_text().endswith("A new line\n")


@pytest.mark.slow
def test_a_taken_port_of_the_git_host_is_left_alone(start, state):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (state / "demo.json").write_text(json.dumps({"ports": {"git": port}}))
        demo = start(free_port())
        demo.wait_for("Ctrl-C")
    assert f"Port {port} is in use" in demo.output
    assert f"127.0.0.1%3A{port}%2F" not in demo.printed("Project")
    if shutil.which("curl"):
        assert demo.opens_the_project().is_dir()


@pytest.mark.parametrize("git", ["", "echo git version 2.20.1"], ids=["missing", "old"])
def test_a_machine_without_a_new_git_has_the_rest_of_the_demo(start, tmp_path, git):
    demo = start(free_port(), path_with_git(tmp_path / "bin", git))
    demo.wait_for("Ctrl-C")
    assert re.search("The demo has no git projects: git .*: install git 2.37 or", demo.output)
    assert "Project " not in demo.output
    assert (demo.state / "home/demo/demo/hello.ipynb").is_file()


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
