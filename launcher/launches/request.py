"""What a caller asks for, and how it is stored. A stored launch is not lost."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher import logs, urls
from launcher.errors import KeyReused
from launcher.server_ref import ServerRef
from launcher.store import idempotency, leases, limit, project_servers
from launcher.store import launches as launch_rows
from launcher.store.launches import Bounds, Environment, Launch, Notebook, OpenedProject
from launcher.store.project_servers import ProjectServer


@dataclass(frozen=True)
class NotebookTarget:
    """Where a notebook goes; made of checked names only."""

    directory: tuple[str, ...]
    filename: str
    workspace: str | None = None
    if_exists: str = "rename"

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "NotebookTarget":
        """The target in a body's `notebook`, with defaults filled in; raises BadRequest."""
        return cls(
            directory=urls.parse_directory(fields["directory"]),
            filename=urls.parse_filename(fields["filename"]),
            workspace=fields.get("workspace"),
            if_exists=fields["if_exists"],
        )


@dataclass(frozen=True)
class NotebookRequest:
    """A notebook that is to be opened, rendered from an experiment."""

    experiment: str
    parameters: Mapping[str, Any]
    rendered: Mapping[str, Any]
    target: NotebookTarget
    link_query: str | None = None
    """The query of the link that fills in the form with all this."""


@dataclass(frozen=True)
class ProjectRequest:
    """A git project that is to be opened on a server that is kept for it."""

    server: ProjectServer
    opens: str | None = None
    """The file that the location opens, as a path below the workspace."""
    active: frozenset[str] = frozenset()
    """The user's other servers for projects that run, as the hub says."""
    most: int = 0
    """How many the user may run at a time; 0: any number."""
    replaces: bool = False
    """Whether the server runs with other options, and is stopped before the launch begins."""

    @property
    def opened(self) -> OpenedProject:
        """What the launch opens."""
        kept = self.server
        return OpenedProject(kept.repository, kept.commit_sha, kept.branch, kept.folder, self.opens)


@dataclass(frozen=True)
class LaunchRequest:
    """For whom a launch is, on which server, and what it opens there."""

    user: str
    server: ServerRef
    requested_by: str | None = None
    """The service that asks on the user's behalf."""
    key: str | None = None
    """The Idempotency-Key."""
    notebook: NotebookRequest | None = None
    """None: start the server, open nothing."""
    environment: Environment | None = None
    """The environment that it has to open in."""
    project: ProjectRequest | None = None
    """A project instead of a notebook."""

    def key_hash(self) -> str:
        """A hash of the key, its caller and its user."""
        return _digest([self.requested_by, self.user, self.key])

    def body_hash(self) -> str:
        """A hash of what is asked for."""
        asked = self.notebook
        opened = [asked.experiment, dict(asked.parameters), vars(asked.target)] if asked else []
        where = self.environment
        named = [{"entrypoint": where.entrypoint, "system": where.system}] if where else []
        server = [self.server.name] if self.server.name or not asked else []
        return _digest([*opened, *server, *named, *self._project()])

    def _project(self) -> list[Any]:
        """What is asked for beside the server's name, which stands for repository and commit."""
        if self.project is None:
            return []
        kept = self.project.server
        return [self.project.opens, dict(kept.options), kept.image]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def new_launch(request: LaunchRequest, worker_id: str) -> Launch:
    """The launch for a request, not stored yet; its id is in the notebook."""
    launch_id = uuid.uuid4().hex
    return Launch(
        id=launch_id,
        user=request.user,
        server=request.server,
        notebook=_notebook(request.notebook, launch_id) if request.notebook else None,
        environment=request.environment,
        project=request.project.opened if request.project else None,
        worker_id=worker_id,
        requested_by=request.requested_by,
        request_id=logs.request_id.get() or None,
    )


def _notebook(request: NotebookRequest, launch_id: str) -> Notebook:
    rendered, target = dict(request.rendered), request.target
    made_by = {**rendered["metadata"]["launcher"], "launch_id": launch_id}
    rendered["metadata"] = {**rendered["metadata"], "launcher": made_by}
    return Notebook(
        experiment=request.experiment,
        directory="/".join(target.directory),
        filename=target.filename,
        workspace=target.workspace,
        if_exists=target.if_exists,
        content=json.dumps(rendered, ensure_ascii=False, indent=1),
        link_query=request.link_query,
    )


@dataclass(frozen=True)
class StoredLaunch:
    """A launch as it was stored."""

    launch: Launch
    """The new one, or the one that the same Idempotency-Key came with before."""
    holds_path: bool
    """Whether it holds the lease of the file name that was asked for."""


def store(
    connection: sa.Connection, launch: Launch, request: LaunchRequest, bounds: Bounds
) -> StoredLaunch:
    """Store the launch, unless its key stands for another one.

    Raises KeyReused, TooManyLaunches.
    """
    if request.key is not None:
        earlier = _earlier(connection, request.key_hash(), request.body_hash(), launch.id)
        if earlier:
            return StoredLaunch(earlier, holds_path=False)
    launch_rows.check_bounds(connection, launch.user, bounds)
    if request.project:
        _keep_server(connection, request.project)
    holds_path = False
    if notebook := launch.notebook:
        # acquire the lease of the name that it most likely ends with
        path = f"{notebook.directory}/{notebook.filename}"
        holds_path = leases.acquire(connection, launch.server.user, path, launch.id)
    return StoredLaunch(launch_rows.insert(connection, launch), holds_path)


def is_new(
    connection: sa.Connection, launch: Launch, request: LaunchRequest, bounds: Bounds
) -> bool:
    """Whether `store` would store the launch; nothing is changed. Raises as `store` does."""
    attempt = connection.begin_nested()
    try:
        return store(connection, launch, request, bounds).launch.id == launch.id
    finally:
        attempt.rollback()


def _keep_server(connection: sa.Connection, project: ProjectRequest) -> None:
    """Store the server of a project; raises TooManyServers."""
    server = project.server.server
    limit.lock(connection)
    begun = launch_rows.project_servers_under_way(connection, server.user)
    project_servers.check_most((project.active | begun) - {server.name}, project.most)
    project_servers.put(connection, project.server)


def _earlier(connection: sa.Connection, key: str, body: str, new_id: str) -> Launch | None:
    """The launch that the key stands for, None when that is the new one; raises KeyReused.

    A key whose launch is not stored any more is free for the next request.
    """
    while True:
        known_body, launch_id = idempotency.remember(connection, key, body, new_id)
        if launch_id == new_id:
            return None
        launch = launch_rows.find(connection, launch_id)
        if launch is None:
            if idempotency.replace(connection, key, launch_id, body, new_id):
                return None
        elif known_body != body:
            raise KeyReused(
                "This Idempotency-Key was used before with another request. Use a new key for each"
                " launch."
            )
        else:
            return launch
