"""gunicorn's ASGI worker, with bounds for clients that are slow, and for how many there are.

gunicorn 27 waits for a request's head for ever, sends to a client that does not read for ever, and
accepts connections until there are no more files to open. What is used of its internals is in
`Protocol.is_idle`, `_expect_head` and `Worker.init_process`.
"""

import asyncio
import resource
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

# for the whole head of a request, from its first byte or from the connection's begin
HEAD_SECONDS = 10.0
# in which a client takes the next 64 KiB of an answer
SEND_SECONDS = 60.0
# of each worker, at most; an open stream of events is one and takes 50 kB
CONNECTIONS = 2000
# more would be slow for programs that close all files they might have
MOST_FILES = 65_536
# what the process itself has open, and connections that asyncio accepts before it tells of them
OTHER_FILES = 160
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 50\r\n\r\n"
    b"The launcher has too many connections. Try again.\n"
)


class Protocol(ASGIProtocol):
    """One connection, with time-outs; bodies have theirs where they are read."""

    def __init__(self, worker: "Worker") -> None:
        super().__init__(worker)
        self._head_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, so that the connection may be closed."""
        return self._closed or self._awaiting_request

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin, or end at once when the worker has too many."""
        super().connection_made(transport)
        if self.worker.admit(self):
            self._expect_head()
        else:
            transport.write(_REFUSAL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Take what came, and look whether the head is complete."""
        try:
            super().data_received(data)
        except ValueError:  # a length of more digits than int() takes
            self._send_error_response(400, "Bad Request")
            self._close_transport()
        self._expect_head()

    def _expect_head(self) -> None:
        if self._request_ready is None or self._request_ready.is_set() or self._closed:
            _stop(self._head_timer)
            self._head_timer = None
        elif self._head_timer is None:
            # it closes the connection when its time is over, as after a request
            self._head_timer = self.worker.loop.call_later(HEAD_SECONDS, self._keepalive_timeout)

    def pause_writing(self) -> None:
        """Give the client a while to read."""
        super().pause_writing()
        _stop(self._send_timer)
        self._send_timer = self.worker.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        _stop(self._send_timer)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        _stop(self._head_timer)
        _stop(self._send_timer)
        self.worker.forget(self)
        super().connection_lost(exc)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()


class Worker(gasgi.ASGIWorker):
    """A worker that closes the oldest idle connection when there is no room for another one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: dict[Protocol, None] = {}  # in the order in which they came

    def init_process(self) -> None:
        """Run until the end, with our protocol."""
        self.most = most_connections(self.cfg.worker_connections)
        gasgi.ASGIProtocol = Protocol
        super().init_process()

    def admit(self, protocol: Protocol) -> bool:
        """Whether there is room for the connection, after an idle one was closed for it."""
        if len(self.connections) >= self.most:
            idle = next((other for other in self.connections if other.is_idle), None)
            if idle is None:
                return False
            self.forget(idle)
            idle.transport.abort()
        self.connections[protocol] = None
        return True

    def forget(self, protocol: Protocol) -> None:
        """The connection is closed."""
        self.connections.pop(protocol, None)


def open_files() -> int:
    """How many files a process may open, after raising that as far as it is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def most_connections(wanted: int) -> int:
    """How many connections a worker takes: `wanted`, or fewer where too few files may be opened."""
    files = open_files()
    return max(1, min(wanted, files - max(OTHER_FILES, files // 4)))
