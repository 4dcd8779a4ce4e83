"""The launcher's end of the spawn hook, as a server that answers what a test says."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from launcher.spawn.protocol import VERSION


class Answers:
    """What is answered to the questions of each user, or of each user and system; the questions."""

    def __init__(self, secret):
        self.secret = secret
        self.questions = []
        self.handed_over = []
        """Paths and bodies with which tokens were handed over after the answer."""
        self.git_hosts = []
        self.git_tokens = []
        """The users, URLs and tokens that were handed over, for one of the hosts or another."""
        self.specifications = {}
        self.refusals = {}
        self.broken = {}
        """Status and bytes that are answered in place of JSON; None breaks the connection."""
        self.hanging = {}
        """Events that are waited for before the answer."""
        self.version = VERSION
        self.url = ""

    def answer(self, path, question):
        """Status and body of an answer."""
        if path.endswith("/spawn/token"):
            self.handed_over.append((path, question))
            return 200, {}
        if path.endswith("/git-token"):
            return self._git_token(path.split("/")[-2], question)
        user, system = re.search("/users/([^/]+)/systems/([^/]+)/spawn$", path).groups()
        self.questions.append((path, question))
        if user in self.hanging:
            self.hanging[user].wait(30)
        if user in self.broken:
            return self.broken[user]
        if user in self.refusals:
            return 409, {"title": "No", "status": 409, "detail": self.refusals[user]}
        found = self.specifications.get((user, system), self.specifications.get(user, {}))
        specification = {"version": 1, **found}
        return 200, {"version": self.version, "specification": specification, "entrypoint": None}

    def _git_token(self, user, handed):
        self.git_tokens.append((user, handed["url"], handed["token"]))
        if user in self.hanging:
            self.hanging[user].wait(30)
        if user in self.broken:
            return self.broken[user]
        return (204, b"") if handed["url"] in self.git_hosts else (404, {"detail": "unknown"})


@contextmanager
def answering(secret="s" * 48, tls=None, port=0):
    """Run the server, with TLS if there is a context for it."""
    answers = Answers(secret)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Authorization"] != f"token {answers.secret}":
                self._send(401, {"detail": "wrong secret"})
                return
            answer = answers.answer(self.path, json.loads(body))
            if answer is not None:
                self._send(*answer)

        do_PUT = do_POST

        def do_GET(self):
            self._send(200, {})

        def _send(self, status, body):
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{answers.url}/elsewhere")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    answers.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()
