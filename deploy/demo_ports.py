"""The ports of the demo: wanted ones where they are free, else others; on loopback alone."""

import socket
from collections.abc import Iterable
from contextlib import ExitStack, suppress

from install import Failed

NAMES = ("hub", "proxy_api", "launcher", "portal")
# the same in each run if it can be: it is part of the names of projects, and so of their workspaces
GIT = "git"


def choose(wanted: int, git: int) -> dict[str, int]:
    """A port by name: `public` for people, `git`, and those of the parts; raises Failed.

    `git` is the one of the last run, 0 if there was none.
    """
    with ExitStack() as held:
        sockets = {
            "public": held.enter_context(_first_free(range(wanted, min(wanted + 20, 65536)))),
            GIT: held.enter_context(_first_free([git] if git else [])),
            **{name: held.enter_context(_bound(0)) for name in NAMES},
        }
        taken = {name: sock.getsockname()[1] for name, sock in sockets.items()}
    if taken["public"] != wanted:
        print(f"Port {wanted} is in use; using {taken['public']}.", flush=True)
    if git and taken[GIT] != git:
        print(f"Port {git} is in use; projects are on a new port, in new workspaces.", flush=True)
    return taken


def _first_free(ports: Iterable[int]) -> socket.socket:
    """A socket on one of the ports, or on any; raises Failed."""
    for port in (*ports, 0):
        with suppress(OSError):
            return _bound(port)
    raise Failed("There is no free port on 127.0.0.1.")


def _bound(port: int) -> socket.socket:
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
