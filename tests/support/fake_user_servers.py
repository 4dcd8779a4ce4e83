"""The server of every user of a real hub, in one small process: for hundreds of starts at once.

It takes the launcher's token, keeps the users' files in memory and tells of them at /notebooks.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from aiohttp import web
from fakehub import FakeHub, served

# of a hub whose users' servers cost nothing to start; a hub's own limit would hold everybody back
CONFIG = """
from jupyterhub.spawner import Spawner

class FreeSpawner(Spawner):
    async def start(self):
        return ("127.0.0.1", {port})

    async def poll(self):
        return None

    async def stop(self, now=False):
        pass

c.JupyterHub.spawner_class = FreeSpawner
c.JupyterHub.concurrent_spawn_limit = 0
"""


class FakeUserServers(FakeHub):
    """Everybody's server; whoever is asked for has one."""

    @property
    def config(self) -> str:
        """What a hub has to be configured with."""
        return CONFIG.format(port=urlsplit(self.url).port)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Notebooks by user, or what the fake hub's servers answer; DELETE forgets everything."""
        if request.path != "/notebooks":
            return await super().answer(request)
        if request.method == "DELETE":
            self.reset()
        found = {name: user.notebooks for name, user in self.users.items() if user.files}
        return web.Response(text=json.dumps(found), content_type="application/json")

    def opens(self, user, server, call):
        """Any token does but the launcher's own: the real hub makes them."""
        return bool(call.token) and call.token != self.token

    def find_user(self, name):
        """The user, whose server runs from the first request on."""
        return self.users.get(name) or self.add_user(name, server="ready")


@contextmanager
def fake_user_servers(token: str) -> Iterator[FakeUserServers]:
    """Everybody's server on a port from the OS, in a thread."""
    servers = FakeUserServers()
    servers.token = token
    with served(servers):
        yield servers


if __name__ == "__main__":  # in a process of its own, for benchmarks: fake_user_servers.py TOKEN
    with fake_user_servers(sys.argv[1]) as running:
        print(running.url, flush=True)
        while True:
            time.sleep(3600)
