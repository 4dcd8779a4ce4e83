"""jupyterhub_config.py of the tests' hubs; what differs comes in TEST_HUB as JSON.

The name of a user says what happens when their server starts: see TestSpawner.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from jupyterhub.auth import Authenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner
from tornado import web

c = get_config()  # noqa: F821
settings = json.loads(os.environ["TEST_HUB"])
folder = Path(settings["folder"])


class TestAuthenticator(Authenticator):
    """Lets anybody in whose password is `pässwörd of NAME`, but for root."""

    async def authenticate(self, handler, data):
        name = self.normalize_username(data["username"])
        return name if data["password"] == f"pässwörd of {name}" else None


class ElsewhereAuthenticator(TestAuthenticator):
    """Has people sign in at another service, as OAuthenticator does."""

    login_service = "Example"

    def login_url(self, base_url):
        return base_url + "oauth_login"


# runs the rest of the command where ~/full is a file system without any space left
WITHOUT_SPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
WITHOUT_SPACE += [
    'mkdir -p "$HOME/full" && mount -t tmpfs -o size=64k tmpfs "$HOME/full"'
    ' && head -c 1M /dev/zero >"$HOME/full/filler"; exec "$0" "$@"'
]


class TestSpawner(SimpleLocalProcessSpawner):
    """JupyterLab as a process of our own user, with faults by the user's name."""

    async def start(self):
        kind = self.user.name.split("-")[0]
        if kind == "slow":
            await asyncio.sleep(4)
        if kind == "bad" or (kind == "once" and not self._tried_before()):
            raise RuntimeError("image pull failed: no such image foo:1")
        if kind == "never":
            await asyncio.Future()
        if kind == "exits":
            self.cmd = [sys.executable, "-c", "raise SystemExit(3)"]
        if kind == "full":
            self.cmd = [*WITHOUT_SPACE, *self.cmd]
        return await super().start()

    def _tried_before(self):
        mark = folder / f"tried-{self.user.name}"
        tried = mark.exists()
        mark.touch()
        return tried

    async def progress(self):
        yield {"progress": 20, "message": "Looking for room"}


def refuse_without_quota(spawner):
    """A site's hook."""
    if spawner.user.name.startswith("refused"):
        raise web.HTTPError(409, "You have no quota left")


c.JupyterHub.bind_url = settings["public_url"]
c.JupyterHub.hub_bind_url = settings["hub_url"]
c.JupyterHub.db_url = f"sqlite:///{folder}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(folder / "jupyterhub_cookie_secret")
c.JupyterHub.authenticator_class = TestAuthenticator
c.JupyterHub.spawner_class = TestSpawner
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1, "spawn_throttle_retry_range": (1, 2)}
c.JupyterHub.log_level = "INFO"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = settings["proxy_api_url"]
c.ConfigurableHTTPProxy.auth_token = settings["proxy_token"]
c.Authenticator.allow_all = True
c.Spawner.home_dir = str(folder / "homes")
c.SimpleLocalProcessSpawner.home_dir_template = str(folder / "homes" / "{username}")
# as in jupyterhub_config.py.example
c.Spawner.cmd = [
    sys.executable,
    "-c",
    "import sys; sys.modules['rfc3987_syntax'] = None\n"
    "from jupyterhub.singleuser import main; main()",
]
c.Spawner.args = ["--allow-root"]
c.Spawner.default_url = "/lab"
c.Spawner.http_timeout = 120  # on a busy machine, a server's imports alone may take 30 s
c.Spawner.pre_spawn_hook = refuse_without_quota
c.Spawner.environment = {"JUPYTERHUB_SINGLEUSER_EXTENSION": "1"}

c.JupyterHub.services = [
    {"name": "launcher", "api_token": settings["launcher_token"]},
    {"name": "ancestor", "api_token": settings["admin_token"], "admin": True},
]
c.JupyterHub.load_groups = {"course": {"users": ["carla", "cem"]}, "others": {"users": ["otto"]}}
GROUPS = "read:groups!group=course"
c.JupyterHub.load_roles = [
    {"name": "launcher", "services": ["launcher"], "scopes": ["servers", "tokens", GROUPS]},
    {"name": "user", "scopes": ["self", "access:services!service=launcher"]},
]

exec(settings["extra"])  # what one test's hub has that others have not
