"""A receiver of webhooks, which answers what a test says and keeps what it was sent."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class ReceivedRequest:
    """A request to a webhook."""

    path: str
    headers: dict
    body: bytes


@dataclass
class WebhookServer:
    """What is answered, in this order; 204 afterwards."""

    url: str = ""
    answers: list = field(default_factory=list)
    """Statuses, with headers or without, or an Event that is waited for."""
    received: list = field(default_factory=list)

    def next_answer(self):
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, threading.Event):
            answer.wait(30)
            answer = 204
        return answer if isinstance(answer, tuple) else (answer, {})


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.webhook.received.append(ReceivedRequest(self.path, headers, body))
        status, more = self.server.webhook.next_answer()
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *words):
        """Nothing on stderr."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *about):
        """The launcher may close the connection first."""


@contextmanager
def webhook_server():
    """A server on a port of its own."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.webhook = WebhookServer(f"http://127.0.0.1:{server.server_port}/hook")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.webhook
        finally:
            server.shutdown()
            thread.join()
