"""A launcher that gives the answers that a test tells it to, for tests of the client."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

JSON = "application/json"
PROBLEM = "application/problem+json"
EXPERIMENT = {"name": "hello", "title": "Hello", "description": "Hi.", "parameters": {}}
LOST = None  # an answer that does not arrive


@dataclass
class Service:
    """A launcher that records its requests, and answers as it is told."""

    url: str = ""
    status: int = 200
    kind: str = JSON
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], object]] = field(default_factory=list)
    before: list[object] = field(default_factory=list)
    silent: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def answers(self, value, status=200, kind=JSON, **headers):
        """Give this answer from now on."""
        self.body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.status, self.kind, self.headers = status, kind, headers

    def answers_first(self, value, status=200, kind=JSON, **headers):
        """Give this answer once, before all others."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.before.append((body, status, kind, headers))

    def loses(self, times=1):
        """Let the connection break instead of the next answers."""
        self.before += [LOST] * times

    def sent(self, header):
        """What each request held under that name."""
        return [headers.get(header) for _, _, headers, _ in self.seen]

    @property
    def last(self):
        """The method, path, headers and body of the last request."""
        return self.seen[-1]


@contextmanager
def served():
    """A launcher on a port from the OS, in a thread."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length", "0"))
            body = json.loads(self.rfile.read(length)) if length else None
            service.seen.append((self.command, self.path, dict(self.headers), body))
            if service.silent:
                service.over.wait()
                self.close_connection = True
                return
            answer = (service.body, service.status, service.kind, service.headers)
            answer = service.before.pop(0) if service.before else answer
            if answer is LOST:
                self.close_connection = True
                return
            content, status, kind, more = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            for name, value in more.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}/services/launcher"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    service.over.set()
    server.shutdown()
    thread.join()
    server.server_close()
