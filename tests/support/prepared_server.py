"""A server that `launcher/singleuser/prepare.py` starts, and the launcher that it reports to."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from waiting import wait_until

import launcher

PREPARE = Path(launcher.__file__).parent / "singleuser/prepare.py"
TOKEN = "own-token-of-the-server"
# stands in for jupyterhub-singleuser: says what it was given, and ends with 7 when it is told to
SERVER = """
import json, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
facts = {"pid": os.getpid(), "argv": sys.argv[2:], "environment": dict(os.environ)}
with open(sys.argv[1] + ".new", "w") as file:
    json.dump(facts, file)
os.replace(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""


class PreparedServer:
    """One start of a server with a project, in a home."""

    def __init__(self, home, project, *, launcher_url="", environment=None, start=None):
        number = len(list(home.parent.glob("server-*.log")))
        self.log = home.parent / f"server-{number}.log"
        self._facts = home.parent / f"server-{number}.json"
        script = home.parent / "server.py"
        script.write_text(SERVER)
        where = project if isinstance(project, str) else json.dumps(project)
        self.began = time.monotonic()
        self.command = [str(script), str(self._facts), "--port=1", "a b"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*(start or [sys.executable, PREPARE]), where, "--", sys.executable, *self.command],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(home),
                    "JUPYTERHUB_API_TOKEN": TOKEN,
                    "LAUNCHER_URL": launcher_url,
                    **(environment or {}),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def up(self):
        """Wait for the single-user server; what it was started with."""
        wait_until(self._facts.exists, "the start of the server")
        return json.loads(self._facts.read_text())

    def end(self):
        """Wait for the end of the checkout; `done` or `failed`, and the message."""
        found = wait_until(self._ended, "the end of the checkout", 30)
        self.up()
        assert self.process.poll() is None, self.log.read_text()
        return found.groups()

    def _ended(self):
        return re.search(r"^prepare: (done|failed): (.*)$", self.log.read_text(), re.MULTILINE)

    def stop(self):
        """Stop the server as a spawner does; its exit status."""
        self.process.terminate()
        status = self.process.wait(30)
        wait_until(lambda: not self.others(), "the end of the checkout")
        return status

    def others(self):
        """The processes in the group of the server beside itself: id and command."""
        group = str(self.process.pid)
        return [row[::3] for row in _processes() if row[1] == group and row[0] != group]

    def of_git(self, url):
        """The processes that fetch from a URL: id and command."""
        return [row[::3] for row in _processes() if url in row[3] and "prepare.py" not in row[3]]

    def read(self, pid, name):
        """A file about a process in /proc; empty if the process ended."""
        try:
            return Path(f"/proc/{pid}/{name}").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return b""


def _processes():
    """Id, group, state and command of each process that runs."""
    done = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 3) for line in done.stdout.splitlines()]
    # one that ended stays in the list until its parent asks for it
    return [row for row in rows if len(row) == 4 and not row[2].startswith("Z")]


class LauncherForServers:
    """The launcher's two URLs for servers: it takes reports, and gives the credential."""

    def __init__(self):
        self.reports = []
        """The time and the body of each report."""
        self.asked = []
        """The bodies of the requests for a credential."""
        self.credential = None
        self.before_credential = lambda: None
        self.statuses = []
        """Statuses of the next answers, in place of 200."""
        self.refused = []
        """The bodies of the requests that were answered with one of `statuses`."""
        self.strangers = 0
        launcher = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._send(*launcher.answer(self.path, self.headers["Authorization"], body))

            def _send(self, status, body):
                content = json.dumps(body).encode()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{launcher.url}/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/launcher"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path, authorization, body):
        """Status and body of an answer."""
        if authorization != f"token {TOKEN}":
            self.strangers += 1
            return 403, {}
        if self.statuses:
            self.refused.append(body)
            return self.statuses.pop(0), {}
        if path == "/services/launcher/launches/1/progress":
            self.reports.append((time.monotonic(), body))
            return 200, {}
        if path == "/services/launcher/servers/p/credential":
            self.before_credential()
            self.asked.append(body)
            return (200, self.credential) if self.credential else (404, {})
        return 404, {}

    def last(self):
        """Wait for the last report of a checkout; its body."""
        return wait_until(
            lambda: next((body for _, body in self.reports if "state" in body), None),
            "the last report",
        )

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def commit_tree(repository, entries):
    """A commit of `main` with exactly these entries: content, (mode, content), or a dict of them.

    Unlike git itself, it takes any name and any link.
    """
    tip = repository.tip()
    sha = repository.git("commit-tree", _tree(repository, entries), "-p", tip, "-m", "exactly")
    repository.git("update-ref", "refs/heads/main", sha)
    return sha


def _tree(repository, entries):
    rows = []
    for name, entry in entries.items():
        if isinstance(entry, dict):
            rows.append(f"040000 tree {_tree(repository, entry)}\t{name}\0")
            continue
        mode, content = entry if isinstance(entry, tuple) else ("100644", entry)
        if mode == "160000":
            rows.append(f"160000 commit {content}\t{name}\0")
        else:
            blob = repository.git("hash-object", "-w", "--stdin", stdin=content.encode())
            rows.append(f"{mode} blob {blob}\t{name}\0")
    return repository.git("mktree", "-z", "--missing", stdin="".join(rows).encode())


def git(folder, *arguments):
    """What git says about a workspace, as its user sees it."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
