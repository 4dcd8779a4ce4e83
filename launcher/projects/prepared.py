"""How the servers of git projects start: with a step that checks the project out beside them."""

import base64
import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import launcher
from launcher.errors import BadRequest, SpawnNotPossible
from launcher.projects.hosts import GitHosts
from launcher.projects.model import GitHost
from launcher.projects.options import AppliedOptions, ServerOptions
from launcher.spawn.errors import SpecificationError
from launcher.spawn.parts import Command
from launcher.spawn.specification import SpawnSpecification
from launcher.store.project_servers import ProjectServer

CODE, PROJECT = "PREPARE_CODE", "PREPARE_PROJECT"
# below the launcher's address; see openapi.yaml
PROGRESS, CREDENTIAL = "/project-server/progress", "/project-server/credential"
# one line: words of a command have no line breaks
_BOOTSTRAP = (
    f"import base64,os,zlib;exec(zlib.decompress(base64.b64decode(os.environ.pop('{CODE}'))))"
)
# -I: a file of the home, such as json.py, is not imported in place of Python's own
_STEP = ("python3", "-I", "-c", _BOOTSTRAP, f"${PROJECT}", "--")


@dataclass(frozen=True)
class PreparedServer:
    """How the server of a project starts."""

    specification: SpawnSpecification
    warnings: tuple[str, ...]
    """Sentences on what was chosen and has no effect."""


class PreparedServers:
    """Makes the specifications of servers that check a project out."""

    def __init__(
        self, hosts: GitHosts, options: ServerOptions, *, timeout: int, server_facing_url: str
    ) -> None:
        """`timeout` bounds a checkout, in seconds; servers report to `server_facing_url`."""
        self._hosts = hosts
        self._options = options
        self._timeout = timeout
        self._server_facing_url = server_facing_url
        file = Path(launcher.__file__).parent / "singleuser/prepare.py"
        self._code = base64.b64encode(zlib.compress(file.read_bytes(), 9)).decode("ascii")

    def prepare(
        self,
        kept: ProjectServer,
        start_id: str,
        environment: SpawnSpecification,
        fields: Collection[str],
        groups: Collection[str] | None = None,
    ) -> PreparedServer:
        """How a server of a project starts in an environment; raises SpawnNotPossible.

        `start_id` identifies this start, and `fields` are what the spawner's adapter can apply.
        `groups` are those of the user, None if they are not known.
        """
        if "command" not in fields or "environment" not in fields:
            raise SpawnNotPossible(
                "The spawner of this system cannot check projects out: it needs an adapter that"
                " sets the command and the environment of a server."
            )
        if not self._server_facing_url:
            raise SpawnNotPossible(
                "Servers do not know how to reach the launcher: the administrator has to set"
                " c.Launcher.server_facing_url."
            )
        applied = self._options.apply(kept.options, fields, groups)
        steps = SpawnSpecification(
            command=_around(environment.command),
            environment={
                CODE: self._code,
                PROJECT: json.dumps(self._project(kept, start_id, applied)),
            },
            image=_image(kept, fields),
        )
        try:
            merged = environment.merged(applied.specification).merged(steps)
        except SpecificationError as error:
            raise SpawnNotPossible(
                f"The options of this server do not fit its environment: {error}. Choose others."
            ) from error
        return PreparedServer(merged, tuple(each["detail"] for each in applied.warnings))

    def _project(
        self, kept: ProjectServer, start_id: str, applied: AppliedOptions
    ) -> dict[str, Any]:
        """What launcher/singleuser/prepare.py reads."""
        host = self._host(kept)
        pinned = {"commit": kept.commit_sha} if kept.commit_sha else {"follow": "branch"}
        trusted = {"ca_file": host.ca_file} if host.ca_file else {}
        return {
            "version": 1,
            "url": kept.clone_url,
            "branch": kept.branch,
            "workspace": kept.folder,
            **pinned,
            **trusted,
            "submodules": applied.submodules,
            "lfs": applied.lfs,
            "hosts": [urlsplit(each.url).netloc for each in self._hosts],
            "launch": start_id,
            "progress_url": PROGRESS,
            "credential_url": CREDENTIAL,
            "max_seconds": self._timeout,
        }

    def _host(self, kept: ProjectServer) -> GitHost:
        try:
            return self._hosts.find(kept.repository)
        except BadRequest as error:
            raise SpawnNotPossible(
                "The git host of this server's project is not on the site's list any more. Remove"
                " the server; its workspace stays in your home."
            ) from error


def _image(kept: ProjectServer, fields: Collection[str]) -> str | None:
    """The image; an image of the commit that was found is left out where there are none."""
    if kept.image is None or "image" in fields:
        return kept.image
    if not kept.image_asked:
        return None
    raise SpawnNotPossible(
        "Servers on this system are not started from images. Start the project without an image."
    )


def check_image(kept: ProjectServer, fields: Collection[str]) -> None:
    """Raise SpawnNotPossible if a user asks for an image where there are none."""
    _image(kept, fields)


def _around(command: Command | None) -> Command:
    """The step before the command of an environment, but inside of what prepares that."""
    if command is None:
        return Command(_STEP)
    if command.replaces:
        return replace(command, argv=(*_STEP, *command.argv))
    return replace(command, argv=(*command.argv, *_STEP))
