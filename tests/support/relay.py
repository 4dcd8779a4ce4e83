"""A port that leads to another one for a part of the time."""

import socket
import threading
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

from ports import free_port

SECONDS = 60


class Relay:
    """A port that leads to the launcher once it is opened; until then, nobody listens there."""

    def __init__(self):
        self.port = free_port()
        self._server = None

    def open(self, origin):
        """Lead to the launcher at this origin, such as http://127.0.0.1:8000."""
        host, _, port = origin.rpartition("/")[2].partition(":")
        self._server = _Server(("127.0.0.1", self.port), _Connection)
        self._server.target = host, int(port)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """End it."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


class _Connection(BaseRequestHandler):
    """One connection; it ends when the other side ends its own."""

    def handle(self):
        with suppress(OSError), socket.create_connection(self.server.target, SECONDS) as far:
            there = threading.Thread(target=_pass_on, args=(self.request, far), daemon=True)
            there.start()
            _pass_on(far, self.request)
            self.request.shutdown(socket.SHUT_RDWR)
            there.join()


def _pass_on(source, target):
    """Send on what arrives, until its end."""
    with suppress(OSError):
        while content := source.recv(2**16):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
