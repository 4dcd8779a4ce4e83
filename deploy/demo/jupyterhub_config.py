"""The demo's hub: one user, servers and homes in the state folder, on loopback alone.

For a hub with real users, use jupyterhub_config.py.example.
"""

import json
import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821

# demo.py starts the hub in the state folder, and has written these there
STATE = Path.cwd()
demo = json.loads((STATE / "demo.json").read_text())
ports = demo["ports"]

c.JupyterHub.bind_url = f"http://127.0.0.1:{ports['public']}"
c.JupyterHub.public_url = c.JupyterHub.bind_url
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{ports['hub']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{ports['proxy_api']}"

# There is one user, with this password.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = demo["password"]
c.Authenticator.allowed_users = {demo["user"]}

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
if os.geteuid() == 0:
    c.Spawner.args = ["--allow-root"]

# The hub starts the launcher, makes a token for it, and serves it at /services/launcher/.
c.JupyterHub.services = [
    {
        "name": "launcher",
        "url": f"http://127.0.0.1:{ports['launcher']}",
        "command": [sys.executable, "-m", "launcher", "serve"],
        "cwd": str(STATE / "launcher"),
    },
]

# As in jupyterhub_config.py.example, which explains it; here the one user is the group.
c.JupyterHub.load_groups = {"launcher-users": {"users": [demo["user"]]}}
c.JupyterHub.load_roles = [
    {
        "name": "launcher",
        "services": ["launcher"],
        "scopes": ["servers", "tokens!group=launcher-users"],
    },
    {
        "name": "user",
        "scopes": ["self", "access:services!service=launcher"],
    },
]
