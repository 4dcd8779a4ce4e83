"""A real hub with the spawn hook, a real launcher, and a real git host whose projects it opens."""

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import git_sites
import requests
from callers import Caller
from hooked_hub import CONFIGURE, SECRET
from ports import free_port
from realhub import RealHub, RealLauncher, environment
from site_of_launcher import sites
from waiting import wait_until

NAMED_SERVERS = "c.JupyterHub.allow_named_servers = True\n"
CONFIG = """
c.Launcher.git_hosts = [{entry!r}]
c.Launcher.server_facing_url = {url!r}
c.Launcher.breaker_seconds = 0
c.Launcher.start_cooldown = 0
"""


class ProjectsSite:
    """The three of them: `git` is a tests/support/git_host.py, `folder` that of the launcher."""

    def __init__(
        self, folder, *, provider="git", workers=4, config="", base_url="/", extra="", hooked=True
    ):
        """`config` is for launcher_config.py, `extra` for jupyterhub_config.py.

        `hooked` says whether the hub has the launcher's spawn hook.
        """
        self.git = git_sites.start(folder / "git", provider)
        port, prefix = free_port(), f"{base_url}services/launcher"
        self.url = f"http://127.0.0.1:{port}"
        hook = CONFIGURE.format(url=self.url, secret=SECRET) if hooked else ""
        # a launcher that is started again may need longer on a busy machine
        hook = hook.replace("timeout=5", "timeout=30")
        self.hub = RealHub(folder / "hub", base_url, NAMED_SERVERS + hook + extra)
        self.folder = folder / "launcher"
        self.folder.mkdir()
        known = {"entry": git_sites.entry(self.git, provider), "url": self.url + prefix}
        (self.folder / "launcher_config.py").write_text(CONFIG.format(**known) + config)
        more = {"LAUNCHER_HOOK_TOKEN": SECRET, "JUPYTERHUB_API_URL": self.hub.api_url}
        beside = environment(self.hub, BASE_PATH=prefix, **more)
        self.launcher = RealLauncher(self.folder, beside, workers, prefix, port)

    def start(self):
        """Start the launcher and the hub, which waits for its services for half a minute."""
        self.launcher.start()
        self.hub.start()
        return self

    def stop(self):
        """Stop all of it."""
        self.hub.stop()
        self.launcher.stop()
        self.git.stop()

    def user(self, name):
        """A user of the hub."""
        return ProjectUser(self, name)

    def start_id(self, user, server):
        """The id of the last start of a user's server, which its checkout was given."""
        query = 'SELECT start_id FROM project_servers WHERE "user" = ? AND server = ?'
        with closing(sqlite3.connect(self.folder / "launcher.sqlite")) as database:
            return database.execute(query, (user, server)).fetchone()[0]

    def add(self, path, **options):
        """A project of the git host, as its repository."""
        return self.git.add(path, **options)


class ProjectUser(Caller):
    """Somebody who opens projects."""

    def __init__(self, site, name):
        super().__init__(site.launcher, site.hub.token_of(name))
        self.site, self.name = site, name
        self.home = site.hub.home(name)

    def request(self, method, path, body=None, **headers):
        """A request to the launcher with the user's own token."""
        return requests.request(
            method,
            self.site.launcher.url + path,
            json=body,
            headers={"Authorization": f"token {self.token}", **headers},
            timeout=120,
        )

    def open(self, path="group/open", *, query="", headers=None, **asked):
        """The answer to `POST /servers` for a project of the git host."""
        body = {"repository": f"{self.site.git.url}/{path}.git", **asked}
        return self.request("POST", f"/servers{query}", body, **(headers or {}))

    def opened(self, path="group/open", *, status=201, **asked):
        """The server that was opened."""
        answer = self.open(path, **asked)
        assert answer.status_code == status, f"{answer.text}\n{self.site.launcher.log[-3000:]}"
        return answer.json()

    def begun(self, path="group/open", *, headers=None, **asked):
        """A launch of a project that nobody waits for."""
        headers = {"Prefer": "respond-async", **(headers or {})}
        answer = self.open(path, headers=headers, **asked)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def fetching(self, path, how="wait", **asked):
        """A launch whose checkout gets no answer of the git host, which `how` says."""
        launch = self.begun(path, **{"ref": "main", **asked})
        self.site.git.misbehaves, before = how, len(self.site.git.seen)

        def fetches():
            seen = [each.path for each in self.site.git.seen[before:]]
            return any(each.startswith(f"/{path}") for each in seen)

        wait_until(fetches, "the fetch of the checkout")
        wait_until(lambda: self.server(launch["server"])["state"] == "running", "its server")
        return launch

    def done(self, launch, seconds=100):
        """The server of a launch, which must be done in the end."""
        ended = self.ended(launch, seconds)
        assert ended["state"] == "done", f"{ended}\n{self.site.launcher.log[-3000:]}"
        return self.server(ended["server"])

    def failed(self, launch, kind):
        """The reason of a launch, which must fail with a problem of that type."""
        ended = self.ended(launch, 100)
        assert ended["state"] == "failed", ended
        assert ended["problem"]["type"] == f"urn:problem-type:launcher:{kind}", ended
        return ended["problem"]["detail"]

    def resumed(self, name):
        """Start a stopped server, and wait for its project; the server."""
        answer = self.request("PATCH", f"/servers/{quote(name)}", {"state": "running"})
        assert answer.status_code == 202, answer.text
        return self.done(answer.json())

    def messages(self, launch):
        """The messages of a launch that has ended."""
        found = [data for _, event, data in self.events(launch) if event == "progress"]
        return [each["message"] for each in found]

    def server(self, name):
        """One of the user's servers, as the launcher describes it."""
        answer = self.request("GET", f"/servers/{quote(name)}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stop(self, name):
        """Stop a server, and wait until it is stopped."""
        answer = self.request("PATCH", f"/servers/{quote(name)}", {"state": "stopped"})
        assert answer.status_code in (202, 204), answer.text
        wait_until(lambda: self.server(name)["state"] == "stopped", f"the end of {name}")

    def process(self, name):
        """The process of one of the user's servers that runs, and its environment variables."""
        prefix = f"/user/{self.name}/{name}".rstrip("/") + "/"
        for pid in self.site.hub.server_pids():
            rows = Path(f"/proc/{pid}/environ").read_text().split("\0")
            found = dict(row.split("=", 1) for row in rows if "=" in row)
            if found.get("JUPYTERHUB_SERVICE_PREFIX") == prefix:
                return pid, found
        raise AssertionError(f"no process of the server {name!r} of {self.name}")

    def ask_hub(self, method, *segments, **options):
        """A call to the hub's API with the user's own token."""
        return self.site.hub.api(method, "users", self.name, *segments, token=self.token, **options)

    def workspace(self, server):
        """The folder of the server's project, in the home."""
        return self.home / server["project"]["folder"]


@contextmanager
def projects_sites(tmp_path_factory):
    """Starts sites, and stops them at the end."""
    with sites(tmp_path_factory, ProjectsSite) as make:
        yield make
