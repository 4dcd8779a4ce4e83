"""gunicorn's ASGI worker, with timeouts for slow clients and a maximum number of connections.

gunicorn 27 has no timeout for a request's head or for a client that does not read, and accepts
connections until no more files can be opened; when it stops, it waits for connections that clients
keep open. `Protocol.is_idle`, `is_kept`, `_expect_head` and `Worker.init_process`, `_shutdown` use
its internals.
"""

import asyncio
import resource
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

# for the whole head of a request, from its first byte or from the begin of the connection
HEAD_SECONDS = 10.0
# in which a client must read the next 64 KiB of a response
SEND_SECONDS = 60.0
# maximum of each worker; an open event stream is one connection and takes 50 kB
CONNECTIONS = 2000
# a higher limit slows down programs that close all possible descriptors
MOST_FILES = 65_536
# files of the process itself, and connections that asyncio accepted but has not passed on yet
OTHER_FILES = 160
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 50\r\n\r\n"
    b"The launcher has too many connections. Try again.\n"
)


class Protocol(ASGIProtocol):
    """One connection, with timeouts; launcher.api.bodies has the timeout of request bodies."""

    def __init__(self, worker: "Worker") -> None:
        super().__init__(worker)
        self._head_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way, so that the connection may be closed."""
        return self._closed or self._awaiting_request

    @property
    def is_kept(self) -> bool:
        """Whether all requests were answered, and nothing of another one has come."""
        return self._awaiting_request and self._head_timer is None and not self._finishing_calls

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin the connection, or refuse it if the worker has too many."""
        super().connection_made(transport)
        if self.worker.admit(self):
            self._expect_head()
        else:
            transport.write(_REFUSAL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass the data on, and check whether the head is complete."""
        try:
            super().data_received(data)
        except ValueError:  # a Content-Length with more digits than int() accepts
            self._send_error_response(400, "Bad Request")
            self._close_transport()
        self._expect_head()

    def _expect_head(self) -> None:
        if self._request_ready is None or self._request_ready.is_set() or self._closed:
            _stop(self._head_timer)
            self._head_timer = None
        elif self._head_timer is None:
            # closes the connection after HEAD_SECONDS, as gunicorn does after keepalive
            self._head_timer = self.worker.loop.call_later(HEAD_SECONDS, self._keepalive_timeout)

    def pause_writing(self) -> None:
        """Start the timeout of a client that does not read."""
        super().pause_writing()
        _stop(self._send_timer)
        self._send_timer = self.worker.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the timeout: the client has read."""
        _stop(self._send_timer)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timeouts, and forget the connection."""
        _stop(self._head_timer)
        _stop(self._send_timer)
        self.worker.forget(self)
        super().connection_lost(exc)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()


class Worker(gasgi.ASGIWorker):
    """A worker that closes the oldest idle connection to admit another one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: dict[Protocol, None] = {}  # oldest first

    def init_process(self) -> None:
        """Run the worker with Protocol."""
        self.most = most_connections(self.cfg.worker_connections)
        gasgi.ASGIProtocol = Protocol
        super().init_process()

    async def _shutdown(self) -> None:
        """Stop; clients that keep a connection open do not delay it."""
        for protocol in list(self.connections):
            if protocol.is_kept:
                protocol.transport.close()
        await super()._shutdown()

    def admit(self, protocol: Protocol) -> bool:
        """Whether the connection is accepted; closes an idle one if necessary."""
        if len(self.connections) >= self.most:
            idle = next((other for other in self.connections if other.is_idle), None)
            if idle is None:
                return False
            self.forget(idle)
            idle.transport.abort()
        self.connections[protocol] = None
        return True

    def forget(self, protocol: Protocol) -> None:
        """Forget a connection that is closed."""
        self.connections.pop(protocol, None)


def open_files() -> int:
    """Raise the limit of open files as far as allowed; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def most_connections(wanted: int) -> int:
    """How many connections a worker accepts: `wanted`, or fewer if it may not open enough files."""
    files = open_files()
    return max(1, min(wanted, files - max(OTHER_FILES, files // 4)))
