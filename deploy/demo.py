"""What `make run` runs: a JupyterHub with the launcher on this machine, and a first launch.

Needs what `python3 deploy/install.py demo` installs. Ends, with everything it started, on Ctrl-C,
SIGTERM and SIGHUP.
"""

import argparse
import fcntl
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import demo_git
import demo_ports
import demo_processes
import demo_workshop
import second_environment
from install import CHECKOUT, Failed, print_anywhere, step

from launcher.client import ClientError, LauncherClient

CONFIG = CHECKOUT / "deploy/demo/jupyterhub_config.py"
USER = "demo"
NOTEBOOK = {"directory": "demo", "filename": "hello.ipynb"}

# both are this machine; people choose one in the hub's form
SYSTEMS = {"desk": "Desk (this machine)", "laptop": "Laptop (this machine, too)"}

READY_SECONDS = 60


def main() -> None:
    """Run until a signal comes; a failure ends it with a sentence and status 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000, help="where people reach the hub")
    parser.add_argument(
        "--state", type=Path, default=CHECKOUT / ".run", help="folder for its files"
    )
    options = parser.parse_args()
    print_anywhere()
    demo_processes.adopt_orphans()
    demo_processes.on_signals(demo_processes.end)
    try:
        run(options.state.resolve(), options.port)
    except KeyboardInterrupt:
        print(flush=True)
    except Failed as failure:
        sys.exit(f"\n{failure}")
    finally:
        demo_processes.stop_everything()


def run(state: Path, port: int) -> None:
    """Start the hub, launch, say where everything is, and wait."""
    with locked(state):
        demo = prepare(state, port)
        ports, git = demo["ports"], demo["git"]
        if git:
            demo_processes.start(demo_git.command(git), state / "git.log")
        url = f"http://127.0.0.1:{ports['public']}/services/launcher"
        hub = start_hub(state)
        with step("Starting JupyterHub and the launcher …"):
            # the launcher itself first: the proxy has much to log about a route it lacks
            wait_for(f"http://127.0.0.1:{ports['launcher']}/services/launcher/health", hub, state)
            wait_for(f"{url}/ready", hub, state)
        prepare_workshop(url, demo["data_token"], state)
        notebook = launch(url, demo["password"], state)
        portal = f"http://localhost:{ports['portal']}/"
        wait_for(portal, hub, state)
        print(summary(url, notebook, portal, demo, state), flush=True)
        demo_processes.wait_for_end(hub)
        raise Failed(f"JupyterHub ended by itself. Its log is {shown(state)}/hub.log")


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """The state folder, for this process alone; raises Failed when another one has it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(f"The demo runs already, with its files in {shown(state)}.") from None
        yield


def prepare(state: Path, port: int) -> dict[str, Any]:
    """Write down what the configurations read: the user, the ports, the git host and so on."""
    for folder in ("home", "launcher", "git"):
        (state / folder).mkdir(exist_ok=True)
    # a hub that was killed remembers servers that are gone; nothing in it is worth keeping
    (state / "jupyterhub.sqlite").unlink(missing_ok=True)
    environment = second_environment.make(state / "environments" / second_environment.NAME)
    last = read(state)
    ports = demo_ports.choose(port, last.get("ports", {}).get(demo_ports.GIT, 0))
    demo = {
        "user": USER,
        "password": last.get("password") or new_password(),
        "participants": demo_workshop.PARTICIPANTS,
        "data_token": secrets.token_hex(24),
        "ports": ports,
        "systems": SYSTEMS,
        "environment": {"name": second_environment.NAME, "path": str(environment)},
        "git": git_host(state, ports[demo_ports.GIT]),
    }
    write_private(state / "demo.json", json.dumps(demo))
    return demo


def read(state: Path) -> dict[str, Any]:
    """What the last run wrote down: what was copied from it still works; {} if there was none."""
    with suppress(OSError, ValueError):
        return dict(json.loads((state / "demo.json").read_text()))
    return {}


def new_password() -> str:
    """A password without characters that look alike."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(12))


def git_host(state: Path, port: int) -> dict[str, Any] | None:
    """The git host with its project; None, and a sentence, on a machine without git."""
    if reason := demo_git.why_not():
        print(f"The demo has no git projects: {reason}.", flush=True)
        return None
    return demo_git.prepare(state / "git", port)


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def start_hub(state: Path) -> subprocess.Popen[bytes]:
    """JupyterHub, with its log in the state folder."""
    commands = (Path(sys.executable).parent, CHECKOUT / ".node/node_modules/.bin")
    path = os.pathsep.join([*map(str, commands), os.environ["PATH"]])
    command = [sys.executable, "-m", "jupyterhub", "--config", CONFIG]
    return demo_processes.start(command, state / "hub.log", {"PATH": path})


def wait_for(url: str, hub: subprocess.Popen[bytes], state: Path) -> None:
    """Return when the address answers with 200; raises Failed."""
    deadline = time.monotonic() + READY_SECONDS
    while not answers(url):
        if hub.poll() is not None or time.monotonic() > deadline:
            raise Failed(
                f"{last_lines(state / 'hub.log')}\n\n"
                f"JupyterHub or the launcher did not start. All of the log: {shown(state)}/hub.log"
            )
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether the answer is 200."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), direct.open(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def last_lines(path: Path, number: int = 15) -> str:
    """The end of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-number:])


def prepare_workshop(url: str, token: str, state: Path) -> None:
    """Fill the room of the workshop; raises Failed."""
    try:
        demo_workshop.prepare(url, token)
    except OSError as error:
        raise Failed(
            f"The workshop could not be made: {error}\n"
            f"The hub's and the launcher's log: {shown(state)}/hub.log"
        ) from error


def launch(url: str, password: str, state: Path) -> str:
    """Where the first notebook is, launched as anybody else would; raises Failed."""
    try:
        with (
            step(f"Launching hello for the user {USER}, through the HTTP API …"),
            LauncherClient(url, user=USER, password=password) as launcher,
        ):
            return launcher.launch("hello", **NOTEBOOK)
    except ClientError as error:
        raise Failed(
            f"{error}\nThe hub's and the launcher's log: {shown(state)}/hub.log"
        ) from error


def summary(url: str, notebook: str, portal: str, demo: dict[str, Any], state: Path) -> str:
    """What somebody needs who sees this for the first time."""
    body = shlex.quote(json.dumps({"notebook": NOTEBOOK}))
    git, password = demo["git"], demo["password"]
    *others, last = demo["participants"]
    names = f"{', '.join(others)} or {last}"
    participants = f"sign in as {names}, same password, to see a participant's page"
    return f"""
  Home page    {url}/home/
  Notebook     {notebook}
  Portal       {portal}
  Sign in as   {USER}, password {password}
  Swagger UI   {url}/ui/
  Environments {url}/home/environments (select {second_environment.NAME}: servers start in it then)
  Workshop     {url}/home/workshops/{demo_workshop.NAME} ({participants})
{f"  Project      {demo_git.link(url, git)}{os.linesep}" if git else ""}
To launch it again, run in another terminal:

  curl -u {USER}:{password} -H 'Content-Type: application/json' \\
    -d {body} {url}/hello
{project(url, git, password) if git else ""}
Homes and logs are in {shown(state)}. Ctrl-C stops everything.
The next run has the same password and homes, but sign in again and make new tokens then:
those of this run end with it."""


def project(url: str, git: dict[str, Any], password: str) -> str:
    """How to start a server for a commit of the project."""
    path = f"{demo_git.NAMESPACE}/{demo_git.PROJECT}/{git['commit_sha']}"
    return f"""
To start a server for a commit of the project:

  curl -u {USER}:{password} -X POST \\
    {url}/{path}
"""


def shown(path: Path) -> str:
    """A path as people type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    main()
