"""Settings of the environments that servers start in."""

from typing import Any as Anything

from traitlets import Any, Bool, Dict, Integer, List, Unicode
from traitlets.config import Configurable


class EnvironmentSettings(Configurable):
    """The systems, the types of entrypoints, and the hub's spawn hook."""

    systems = List(
        Dict(),
        help="""The systems that servers start on. Each is a dict with `name` (letters and digits,
        used in addresses), `display_name`, `hostname` (for validation by SSH, else ""), and
        `user_options` (what the hub needs to start a server there, such as a profile of
        wrapspawner). Needs the spawn hook: launcher.jupyterhub.configure in
        jupyterhub_config.py.""",
    ).tag(config=True)
    entrypoint_types = List(
        Dict(),
        help="""The kinds of environments that users can have. Each is a dict with `name` (conda,
        script, image and shifter are built in; else with `class`), `display_name`, `mutable`
        (whether users add and remove some), `help_link`, and settings of its class.""",
    ).tag(config=True)
    validator = Any(
        "none",
        help="""Checks that an environment exists: `none`, `local` (on the launcher's machine),
        `ssh` (on each system's hostname), or a class of the site's own.""",
    ).tag(config=True)
    validator_options = Dict(
        help="""Settings of the validator, such as `roots`, and `known_hosts` for ssh."""
    ).tag(config=True)
    environment_servers = Bool(
        False,
        help="""Offer a named server for each environment, beside the user's default server. A named
        server may have another volume.""",
    ).tag(config=True)
    remove_servers_after_days = Integer(
        0,
        min=0,
        help="""Remove named servers that were made for environments when they have been stopped for
        so many days. 0: never.""",
    ).tag(config=True)
    hook_token = Unicode(
        help="""The secret of the hub's spawn hook; launcher.jupyterhub.configure passes it to a
        managed service. Default: `LAUNCHER_HOOK_TOKEN`. Without it there are no environments
        and no projects."""
    ).tag(config=True)
    server_facing_url = Unicode(
        help="""The launcher's URL for code in users' servers, which do not reach a loopback address
        from other machines and containers. Servers find it in their variable LAUNCHER_URL.
        Default: the launcher's URL for browsers."""
    ).tag(config=True)
    additional_handlers: "List[Anything]" = List(
        help="""Routes of the site's own (starlette.routing.Route or Mount), mounted below the
        launcher's address."""
    ).tag(config=True)
