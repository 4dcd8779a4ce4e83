"""The demo's hub: a user and three participants, with all files in the state folder.

It listens on loopback alone. For a hub with real users, use jupyterhub_config.py.example.
"""

import json
import os
import sys
from pathlib import Path

from tornado import web

from launcher.jupyterhub import configure

c = get_config()  # noqa: F821

# demo.py starts the hub in the state folder, and has written these there
STATE = Path.cwd()
demo = json.loads((STATE / "demo.json").read_text())
ports = demo["ports"]
# another host than the hub's for browsers, so that neither gets the other's cookies
portal = f"http://localhost:{ports['portal']}"
HERE = Path(__file__).resolve().parent

c.JupyterHub.bind_url = f"http://127.0.0.1:{ports['public']}"
c.JupyterHub.public_url = c.JupyterHub.bind_url
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{ports['hub']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{ports['proxy_api']}"

# A teacher, and the participants of their workshop; all have this password.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = demo["password"]
c.Authenticator.allowed_users = {demo["user"], *demo["participants"]}
c.JupyterHub.load_groups = {
    "teachers": {"users": [demo["user"]]},
    "first-steps": {"users": demo["participants"]},
}
# of the service demo-data, which publishes the notebook and reports what participants saved
c.JupyterHub.custom_scopes = {
    "custom:launcher:events": {"description": "See and report what participants do"},
}

# Servers run as the user who runs the demo; their homes are in the state folder.
c.JupyterHub.spawner_class = "simple"
homes = str(STATE / "home").replace("{", "{{").replace("}", "}}")
c.SimpleLocalProcessSpawner.home_dir_template = homes + "/{username}"
c.Spawner.default_url = "/lab"
# The fastest start; jupyterhub_config.py.example explains it.
c.Spawner.cmd = [
    sys.executable,
    "-c",
    "import sys; sys.modules['rfc3987_syntax'] = None\n"
    "from jupyterhub.singleuser import main; main()",
]
hook = {"launcher.singleuser.save_hook": True}
c.Spawner.args = [f"--ServerApp.jpserver_extensions={hook}"]
if os.geteuid() == 0:
    c.Spawner.args.append("--allow-root")

# Servers start on one of two systems. Both are this machine; a hub with several machines has a
# spawner for each of them, as in docs/wrapspawner.md.
c.Spawner.options_form = (
    '<label for="system">System</label>'
    '<select class="form-select form-control" name="system" id="system">'
    + "".join(f'<option value="{name}">{shown}</option>' for name, shown in demo["systems"].items())
    + "</select>"
)
c.Spawner.options_from_form = lambda form: {"system": form.get("system", [""])[0]}
# a server of its own for an environment, if the default one runs in another
c.JupyterHub.allow_named_servers = True

# examples/portal, on a port of its own: another web site for the browser
c.JupyterHub.services = [
    {
        "name": "portal",
        "command": [sys.executable, str(HERE.parents[1] / "examples/portal/portal.py")],
        "oauth_redirect_uri": f"{portal}/oauth_callback",
        "oauth_client_allowed_scopes": ["access:services!service=launcher"],
        "oauth_no_confirm": True,
        "environment": {
            "PORTAL_HUB_URL": c.JupyterHub.bind_url,
            "PORTAL_LAUNCHER_URL": f"{c.JupyterHub.bind_url}/services/launcher",
            "PORTAL_REDIRECT_URI": f"{portal}/oauth_callback",
        },
    },
    {"name": "demo-data", "api_token": demo["data_token"]},
]
c.JupyterHub.load_roles = [
    {"name": "user", "scopes": ["self", "access:services!service=portal"]},
    {
        "name": "demo-data",
        "services": ["demo-data"],
        "scopes": ["custom:launcher:events", "access:services!service=launcher"],
    },
]


def system(spawner):
    """The system that was chosen in the form, or for a launch; else the first one."""
    chosen = (spawner.user_options or {}).get("system", next(iter(demo["systems"])))
    if not isinstance(chosen, str) or chosen not in demo["systems"]:
        raise web.HTTPError(400, f"Choose one of the systems: {', '.join(demo['systems'])}.")
    return chosen


# The hub starts the launcher, makes a token for it, serves it at /services/launcher/, and asks it
# at each start which environment the server runs in.
configure(c, system, url=f"http://127.0.0.1:{ports['launcher']}", groups=["first-steps"])
launcher = c.JupyterHub.services[-1]
launcher["cwd"] = str(STATE / "launcher")
launcher["environment"]["LAUNCHER_CONFIG"] = str(HERE / "launcher_config.py")
