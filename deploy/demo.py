"""What `make run` runs: a JupyterHub with the launcher on this machine, and a first launch.

Needs what `python3 deploy/install.py demo` installs. Ends, with everything it started, on Ctrl-C,
SIGTERM and SIGHUP.
"""

import argparse
import ctypes
import fcntl
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from install import CHECKOUT, print_anywhere, step

from launcher.client import ClientError, LauncherClient

CONFIG = CHECKOUT / "deploy/demo/jupyterhub_config.py"
USER = "demo"
NOTEBOOK = {"directory": "demo", "filename": "hello.ipynb"}

READY_SECONDS = 60
STOP_SECONDS = 30
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """The demo cannot go on; the message says why."""


def main() -> None:
    """Run until a signal comes; a failure ends it with a sentence and status 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000, help="where people reach the hub")
    parser.add_argument(
        "--state", type=Path, default=CHECKOUT / ".run", help="folder for its files"
    )
    options = parser.parse_args()
    print_anywhere()
    adopt_orphans()
    on_signals(end)
    try:
        run(options.state.resolve(), options.port)
    except KeyboardInterrupt:
        print(flush=True)
    except Failed as failure:
        sys.exit(f"\n{failure}")
    finally:
        stop_everything()


def on_signals(handler: Callable[[int, FrameType | None], None]) -> None:
    """Let `handler` have every signal that ends the demo."""
    for number in ENDING:
        signal.signal(number, handler)


def end(_number: int, _frame: FrameType | None) -> None:
    """The first signal: stop."""
    on_signals(hurry)
    raise KeyboardInterrupt


def hurry(_number: int, _frame: FrameType | None) -> None:
    """Another one: do not wait for anything."""
    kill(psutil.Process().children(recursive=True))


def run(state: Path, port: int) -> None:
    """Start the hub, launch, say where everything is, and wait."""
    with locked(state):
        demo = prepare(state, port)
        ports = demo["ports"]
        url = f"http://127.0.0.1:{ports['public']}/services/launcher"
        hub = start_hub(state)
        with step("Starting JupyterHub and the launcher …"):
            # the launcher itself first: the proxy has much to log about a route it lacks
            wait_for(f"http://127.0.0.1:{ports['launcher']}/services/launcher/health", hub, state)
            wait_for(f"{url}/ready", hub, state)
        notebook = launch(url, demo["password"], state)
        print(summary(url, notebook, demo["password"], state), flush=True)
        hub.wait()
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
    """Write down what the hub's configuration reads: the user, the password, the ports."""
    for folder in ("home", "launcher"):
        (state / folder).mkdir(exist_ok=True)
    # a hub that was killed remembers servers that are gone; nothing in it is worth keeping
    (state / "jupyterhub.sqlite").unlink(missing_ok=True)
    demo = {"user": USER, "password": password(state), "ports": choose_ports(port)}
    write_private(state / "demo.json", json.dumps(demo))
    return demo


def password(state: Path) -> str:
    """The one of the last run, so that what was copied then still works, else a new one."""
    with suppress(OSError, ValueError, KeyError):
        return str(json.loads((state / "demo.json").read_text())["password"])
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(12))


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def choose_ports(wanted: int) -> dict[str, int]:
    """A port for people, the wanted one when it is free, and others for the parts."""
    with ExitStack() as held:
        public = held.enter_context(first_free(wanted))
        others = {name: held.enter_context(bound(0)) for name in ("hub", "proxy_api", "launcher")}
        taken = {name: sock.getsockname()[1] for name, sock in {"public": public, **others}.items()}
    if taken["public"] != wanted:
        print(f"Port {wanted} is in use; using {taken['public']}.", flush=True)
    return taken


def first_free(wanted: int) -> socket.socket:
    """A socket on the wanted port, or on one of the next, or on any."""
    for port in (*range(wanted, min(wanted + 20, 65536)), 0):
        with suppress(OSError):
            return bound(port)
    raise Failed("There is no free port on 127.0.0.1.")


def bound(port: int) -> socket.socket:
    """A socket of the port, 0 for any; raises OSError when it is taken."""
    sock = socket.socket()
    try:
        # a port whose last connections are still in TIME_WAIT is free
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


def start_hub(state: Path) -> subprocess.Popen[bytes]:
    """JupyterHub, in a session of its own: Ctrl-C reaches it through us."""
    commands = (Path(sys.executable).parent, CHECKOUT / ".node/node_modules/.bin")
    path = os.pathsep.join([*map(str, commands), os.environ["PATH"]])
    with (state / "hub.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "--config", CONFIG],
            cwd=state,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


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


def summary(url: str, notebook: str, password: str, state: Path) -> str:
    """What somebody needs who sees this for the first time."""
    body = shlex.quote(json.dumps({"notebook": NOTEBOOK}))
    return f"""
  Notebook     {notebook}
  Sign in as   {USER}, password {password}
  Swagger UI   {url}/ui/

To launch it again, run in another terminal:

  curl -u {USER}:{password} -H 'Content-Type: application/json' \\
    -d {body} {url}/hello

Homes and logs are in {shown(state)}. Ctrl-C stops everything."""


def shown(path: Path) -> str:
    """A path as people type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def adopt_orphans() -> None:
    """Become the parent of every process below us whose own parent ends (Linux, prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """Have the hub end in its own way even when we are killed (Linux, prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def stop_everything() -> None:
    """Let the hub stop what it started, then end what is left."""
    on_signals(hurry)
    us = psutil.Process()
    known = us.children(recursive=True)
    if not known:
        return
    for child in us.children():
        child.terminate()
    # OSError: there is no terminal any more to say it to
    with suppress(OSError), step("Stopping …"):
        psutil.wait_procs(us.children(), timeout=STOP_SECONDS)
    while left := [p for p in {*known, *us.children(recursive=True)} if p.is_running()]:
        kill(left)
        psutil.wait_procs(left, timeout=5)


def kill(processes: list[psutil.Process]) -> None:
    """End processes at once."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


if __name__ == "__main__":
    main()
