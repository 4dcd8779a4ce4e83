"""A real hub with the spawn hook, and what runs in its users' servers."""

import contextlib
import os
import signal
from pathlib import Path

from realhub import hubs
from waiting import wait_until

SECRET = "s" * 48
CONFIGURE = """
from launcher.jupyterhub import configure
c.JupyterHub.services = c.JupyterHub.services[1:]
c.JupyterHub.load_roles = []
configure(c, lambda spawner: "local", url={url!r}, managed=False, hook_token={secret!r},
          api_token=settings["launcher_token"], timeout=5)
"""


@contextlib.contextmanager
def hooked_hub(tmp_path_factory, extra):
    """A hub, whose servers end with it, jobs of a batch system too."""
    with hubs(tmp_path_factory) as make:
        hub = make(extra=extra)
        yield hub
        hub.stop_hub()
        for pid in _environments(hub):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def start(hub, user, **options):
    """Start the user's default server with these options."""
    hub.add_user(user)
    answer = hub.api("POST", "users", user, "server", json=options)
    assert answer.status_code in (201, 202), answer.text
    wait_until(lambda: hub.is_ready(user, ""), f"the server of {user}")


def environment_of(hub, user):
    """The environment variables of the user's server."""
    found = [each for each in _environments(hub).values() if each["JUPYTERHUB_USER"] == user]
    assert found, f"no server of {user}"
    return found[0]


def _environments(hub):
    """The processes of servers and jobs of the hub, and their environment variables."""
    mark, found = str(hub.folder).encode(), {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if mark in content and b"\x00JUPYTERHUB_USER=" in b"\x00" + content:
                lines = (line.decode() for line in content.split(b"\x00") if b"=" in line)
                found[int(path.parent.name)] = dict(line.split("=", 1) for line in lines)
    return found
