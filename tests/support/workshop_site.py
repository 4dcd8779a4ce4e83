"""A site with a teacher, whose users' servers report each notebook that is saved."""

import json
from urllib.parse import quote

import requests
from site_of_launcher import Site

SECRET = "s" * 48
CONFIG = "c.Launcher.teacher_groups = ['teachers']\n"
HUB = f"""
from launcher.jupyterhub import configure
entry = c.JupyterHub.services.pop(0)
c.JupyterHub.load_roles = []
c.JupyterHub.load_groups = {{"teachers": {{"users": ["tina"]}}}}
configure(c, system="hub", url=entry["url"], api_token=settings["launcher_token"],
          managed=False, hook_token={SECRET!r})
hook = {{"launcher.singleuser.save_hook": True}}
c.Spawner.args = [*c.Spawner.args, f"--ServerApp.jpserver_extensions={{hook}}"]
"""


class WorkshopSite(Site):
    """`tina` teaches; all others are participants."""

    def __init__(self, folder, *, config="", extra="", **options):
        options.setdefault("LAUNCHER_HOOK_TOKEN", SECRET)
        super().__init__(folder, config=CONFIG + config, extra=HUB + extra, **options)

    def participant(self, name):
        """A user whose server runs."""
        self.hub.start_server(name)
        return Participant(self, name)

    def events_for(self, name):
        """The events that a user sees."""
        headers = {"Authorization": f"token {self.hub.token_of(name)}"}
        answer = requests.get(f"{self.url}/events", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Participant:
    """Somebody who saves notebooks in their own server, as JupyterLab does."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.token = site.hub.token_of(name)

    def save(self, path, notebook):
        """Save a notebook through the contents API; the status of the answer."""
        answer = requests.put(
            f"{self.site.hub.url}/user/{quote(self.name, safe='@~')}/api/contents/{quote(path)}",
            data=json.dumps({"type": "notebook", "format": "json", "content": notebook}),
            headers={"Authorization": f"token {self.token}"},
            timeout=30,
        )
        return answer.status_code
