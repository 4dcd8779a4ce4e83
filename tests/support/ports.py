"""Ports for servers of the tests."""

import itertools
import os
import socket

# Below the ports that systems give to outgoing connections, of which one might else be had
# between our look and the server's start. Runs and workers beside each other begin elsewhere.
_FIRST, _LAST = 10_000, 32_000
_ports = itertools.cycle(range(_FIRST, _LAST))
_ports = itertools.islice(_ports, os.getpid() * 211 % (_LAST - _FIRST), None)


def free_port() -> int:
    """A port that nobody listens on, and that this process was not given before."""
    for port in _ports:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: the ports are a cycle")
