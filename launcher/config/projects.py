"""Settings of git projects."""

from traitlets import Any, Dict, Integer, List, Unicode
from traitlets.config import Configurable

from launcher import urls
from launcher.errors import BadRequest, ConfigError


class ProjectSettings(Configurable):
    """The git hosts that projects may be on, and the servers that are kept for projects."""

    git_hosts = List(
        Dict(),
        help="""The git hosts that projects may be on (projects need the spawn hook, as `systems`
        does); the first one is that of projects that are
        named without a host. Each is a dict with `url` (https, with the port), `provider` (gitlab,
        github, gitea, git, or a class), and optionally `display_name`, `min_access` (reader or
        developer), `ca_file`, `allow_private` (True for an address of a private network),
        `registry` (the address of its image registry) and `image` (the image of a commit, default
        `{namespace}/{project}:{commit_sha:.7}`).""",
    ).tag(config=True)
    image_registries = List(
        Any(),
        default_value=None,
        allow_none=True,
        help="""The registries from which users may choose an image. Each is an address such as
        `https://registry.example.org`, or a dict with `url`, and optionally `ca_file`,
        `allow_private` and `token_service` (the address of the host that gives access, if it is
        another one). Default: the registries of the git hosts.""",
    ).tag(config=True)
    server_options = Dict(
        help="""The options of servers for projects, by name. Each is a dict with `type` (enum, int,
        float or boolean), `default`, `options` or `range`, and optionally `order`, `displayName`,
        `resource` (what it sets) and `groups` (what else members of groups of the hub may
        choose)."""
    ).tag(config=True)
    projects_folder = Unicode(
        "projects",
        help="""The folder of the workspaces of projects: a path below the home, without names that
        begin with a dot.""",
    ).tag(config=True)
    max_project_servers = Integer(
        5, min=1, help="How many servers for projects one user may run at a time."
    ).tag(config=True)
    checkout_timeout = Integer(
        1800, min=1, help="How many seconds a checkout may take, from the start of its server."
    ).tag(config=True)


def check_folder(path: str) -> None:
    """Raise ConfigError if the workspaces of projects cannot lie in this folder."""
    try:
        urls.parse_directory(path)
    except BadRequest as error:
        sentence = error.errors[0]["detail"]
        raise ConfigError(f"c.Launcher.projects_folder {sentence}.") from error
