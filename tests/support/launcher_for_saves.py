"""The launcher as `launcher/singleuser/save_hook.py` sees it, and the servers that report to it."""

import asyncio
import base64
import functools
import gzip
import inspect
import json
import os
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError

import nbformat
from ports import free_port
from waiting import wait_until

TOKEN = "own-token-of-the-server"


@dataclass
class Request:
    """What a server sent."""

    path: str
    headers: dict
    body: dict

    @property
    def notebook(self):
        """The notebook's bytes; None if it was not sent."""
        content = self.body.get("notebook")
        return None if content is None else gzip.decompress(base64.b64decode(content))


@dataclass
class Answer:
    """What a test wants the launcher to answer."""

    status: int
    body: bytes = b"{}"
    headers: dict = field(default_factory=dict)


class LauncherForSaves:
    """Takes events and withdrawals, or answers as a test says."""

    def __init__(self, tls=None, port=0):
        self.requests = []
        """All requests, refused ones, too."""
        self.events = []
        """The events that were taken."""
        self.withdrawn = []
        """The paths that were withdrawn."""
        self.answers = []
        """The next answers, in place of the launcher's own."""
        self.max_body = 20 * 2**20
        self.open = threading.Event()
        """Cleared: requests are read, and not answered."""
        self.open.set()
        launcher = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                if length > launcher.max_body:
                    # as the launcher does: the body is not read
                    launcher.requests.append(Request(self.path, dict(self.headers), {}))
                    self._send(Answer(413))
                    self.close_connection = True
                    return
                body = json.loads(self.rfile.read(length))
                self._send(launcher.answer(Request(self.path, dict(self.headers), body)))

            def _send(self, answer):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/services/launcher"
        # a short interval, so that it stops soon
        run = functools.partial(self._server.serve_forever, 0.02)
        threading.Thread(target=run, daemon=True).start()

    def answer(self, request):
        """Take a request."""
        self.requests.append(request)
        self.open.wait(60)
        if self.answers:
            return self.answers.pop(0)
        if request.headers["Authorization"] != f"token {TOKEN}":
            return Answer(403)
        if request.path == "/services/launcher/events/withdraw":
            self.withdrawn.append(request.body["path"])
            return Answer(204, b"")
        if request.path == "/services/launcher/events":
            self.events.append(request)
            return Answer(201)
        return Answer(404)

    def event(self, number=1):
        """Wait for an event, the first, second, …; it."""
        wait_until(lambda: len(self.events) >= number, f"event {number}")
        return self.events[number - 1]

    def request(self, number=1):
        """Wait for a request; it."""
        wait_until(lambda: len(self.requests) >= number, f"request {number}")
        return self.requests[number - 1]

    def stop(self):
        self.open.set()
        self._server.shutdown()
        self._server.server_close()


def notebook(text="1 + 1", *, tags=()):
    """A notebook with one cell."""
    cell = nbformat.v4.new_code_cell(text, metadata={"tags": list(tags)} if tags else {})
    return nbformat.v4.new_notebook(cells=[cell])


def save(manager, path, content=None):
    """Save a notebook as the contents API does, with a manager that is async or not."""
    model = {"type": "notebook", "format": "json", "content": content or notebook()}
    answer = manager.save(model, path)
    return asyncio.run(_result(answer)) if inspect.isawaitable(answer) else answer


async def _result(awaitable):
    return await awaitable


@contextmanager
def jupyter_server(folder, configuration, environment):
    """Run a real Jupyter Server in a folder; a function that saves a notebook with its API."""
    settings = folder / "settings"
    settings.mkdir()
    (settings / "jupyter_server_config.py").write_text(configuration)
    port = free_port()
    command = [sys.executable, "-m", "jupyter_server", f"--port={port}", "--allow-root"]
    command += ["--no-browser", f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"]
    url = f"http://127.0.0.1:{port}/api"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment, "JUPYTER_CONFIG_DIR": str(settings)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _answers(url), "the start of Jupyter Server")
        yield lambda path: _put(f"{url}/contents/{path}")
    finally:
        process.terminate()
        process.wait(30)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except URLError:
        return False


def _put(url):
    body = json.dumps({"type": "notebook", "format": "json", "content": notebook()}).encode()
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status
