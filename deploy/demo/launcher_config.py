"""The demo's launcher: for the portal, with two environments and a git host.

A launcher_config.py of your own, in the folder `launcher` of the demo's state, is read, too.
"""

import json
import os
import pwd
from contextlib import suppress
from pathlib import Path

from launcher.entrypoints.model import Offer
from launcher.entrypoints.types.conda import CondaType
from launcher.entrypoints.validators.local import LocalValidator

c = get_config()  # noqa: F821

# it runs in the folder `launcher` of the demo's state
demo = json.loads(Path("../demo.json").read_text())
portal = f"http://localhost:{demo['ports']['portal']}"
c.Launcher.allowed_origins = []


class OfferedConda(CondaType):
    """Conda environments; one of them is offered to everybody."""

    async def options(self, user, system):
        """The demo's second environment."""
        return [Offer(demo["environment"]["name"], {"path": demo["environment"]["path"]})]


class OneAccount(LocalValidator):
    """Looks at files as the account of the demo, which all servers have."""

    async def check(self, user, system, expected):
        """Look at a path of this machine."""
        return await super().check(pwd.getpwuid(os.getuid()).pw_name, system, expected)


# Both are this machine. The hub's form has the same two, and user_options answers it for launches.
c.Launcher.systems = [
    {"name": name, "display_name": shown, "user_options": {"system": name}}
    for name, shown in demo["systems"].items()
]
c.Launcher.entrypoint_types = [
    {"name": "conda", "display_name": "Conda environment", "class": OfferedConda},
    {"name": "script", "display_name": "Start-up script"},
]
# launches with another environment than that of the running server offer a server of its own
c.Launcher.environment_servers = True
# KeyError: an account without a name, as containers may have it
with suppress(KeyError):
    pwd.getpwuid(os.getuid())
    c.Launcher.validator = OneAccount

c.Launcher.teacher_groups = ["teachers"]

if demo["git"]:
    c.Launcher.git_hosts = [
        {
            "url": demo["git"]["url"],
            "provider": "git",
            "display_name": "Git on this machine",
            "ca_file": demo["git"]["ca_file"],
            "allow_private": True,
        }
    ]
c.Launcher.server_options = {
    "mem_request": {
        # that of local processes cannot be limited
        "displayName": "Memory (no effect in the demo)",
        "type": "enum",
        "default": "1G",
        "options": ["1G", "2G", "4G"],
    },
    "submodules": {
        "displayName": "Fetch submodules",
        "type": "boolean",
        "default": False,
        "resource": "submodules",
    },
}

if Path("launcher_config.py").is_file():
    load_subconfig("launcher_config.py", path=str(Path.cwd()))  # noqa: F821

c.Launcher.allowed_origins = [*c.Launcher.allowed_origins, portal]
