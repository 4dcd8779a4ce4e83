"""STORY: put a launch down, try the upload, start the server, wait, upload, say where it is."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher import errors, urls
from launcher.contents import Contents, ServerGone
from launcher.errors import ContentsFailed, HubUnavailable, LauncherError, StartTimeout
from launcher.flights import SingleFlight
from launcher.hub import Hub, starts
from launcher.placing import Placing
from launcher.store import Store, leases
from launcher.store import launches as rows
from launcher.store.launches import Launch

# a route may lag behind the server by seconds; a server that is gone each time is another matter
MAX_ROUNDS = 12
ROUND_SECONDS = 2.0
# enough for the tabs that one person has open, and it bounds what is left in ~/.jupyter
WORKSPACES = 100


@dataclass(frozen=True)
class NotebookRequest:
    """Where a notebook goes; made of checked names only."""

    directory: tuple[str, ...]
    filename: str
    workspace: str | None = None
    if_exists: str = "rename"

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> "NotebookRequest":
        """The request in a body's `notebook`, defaults filled; raises BadRequest."""
        return cls(
            directory=urls.parse_directory(fields["directory"]),
            filename=urls.parse_filename(fields["filename"]),
            workspace=fields.get("workspace"),
            if_exists=fields["if_exists"],
        )


class Launches:
    """Opens notebooks on users' servers, each launch a stored row advanced step by step."""

    def __init__(
        self, store: Store, hub: Hub, contents: Contents, *, timeout: float, patience: float
    ) -> None:
        """`timeout` bounds a launch, `patience` the wait for a hub that is away; in seconds."""
        self._store = store
        self._hub = hub
        self._placing = Placing(store, contents)
        self._timeout = timeout
        self._patience = patience
        self._starts: SingleFlight[None] = SingleFlight()
        self._steps: Mapping[str, Callable[[Launch], Awaitable[dict[str, Any]]]] = {
            "queued": self._upload,
            "starting": self._start,
            "uploading": self._upload,
        }

    async def open(self, user: str, notebook: dict[str, Any], request: NotebookRequest) -> Launch:
        """The launch, done; raises the LauncherError that it failed with."""
        launch = await self._store.run(_put_down, _new_launch(user, notebook, request))
        while not launch.ended:
            launch = await self.advance(launch)
        if launch.problem:
            raise errors.from_problem(launch.problem)
        return launch

    async def advance(self, launch: Launch) -> Launch:
        """The launch after its next step, written down. Every step may be repeated."""
        try:
            changes = await self._steps[launch.state](launch)
        except LauncherError as error:
            changes = {"state": "failed", "problem": error.problem()}
        return await self._store.run(_record, launch, changes)

    async def _upload(self, launch: Launch) -> dict[str, Any]:
        try:
            path = await self._placing.place(launch)
        except ServerGone:
            return await self._another_round(launch)
        except HubUnavailable:
            # a server that has not seen our token yet asks the hub, which may be restarting
            if time.time() - launch.created_at > self._patience:
                raise
            return await self._another_round(launch)
        return {"state": "done", "path": "/".join(path)}

    async def _another_round(self, launch: Launch) -> dict[str, Any]:
        if launch.rounds >= MAX_ROUNDS:
            raise ContentsFailed("The server runs, but cannot be reached. Stop it and try again.")
        if launch.rounds:
            await asyncio.sleep(min(ROUND_SECONDS, 0.1 * 2**launch.rounds))
        return {"state": "starting", "rounds": launch.rounds + 1}

    async def _start(self, launch: Launch) -> dict[str, Any]:
        left = launch.created_at + self._timeout - time.time()
        if left <= 0:
            raise StartTimeout("The server was not ready in time.")
        await self._starts.share(
            launch.user,
            lambda: starts.start(self._hub, launch.user, limit=left, patience=self._patience),
        )
        return {"state": "uploading"}


def _new_launch(user: str, notebook: dict[str, Any], request: NotebookRequest) -> Launch:
    launch_id = uuid.uuid4().hex
    made_by = notebook["metadata"]["launcher"]
    made_by["launch_id"] = launch_id
    return Launch(
        id=launch_id,
        user=user,
        experiment=made_by["experiment"],
        directory="/".join(request.directory),
        filename=request.filename,
        workspace=request.workspace,
        if_exists=request.if_exists,
        content=json.dumps(notebook, ensure_ascii=False, indent=1),
    )


def _put_down(connection: sa.Connection, launch: Launch) -> Launch:
    """Write the launch down, and ask for the name that it most likely ends with."""
    leases.acquire(connection, launch.user, f"{launch.directory}/{launch.filename}", launch.id)
    return rows.insert(connection, launch)


def _record(connection: sa.Connection, launch: Launch, changes: dict[str, Any]) -> Launch:
    launch = rows.advance(connection, launch, **changes)
    if launch.ended:
        leases.release(connection, launch.id)
    return launch


def location(launch: Launch, public_url: str) -> str:
    """The URL that opens the launch's notebook in JupyterLab.

    A workspace that the caller named opens as they left it. The default ones open clean, and are
    taken in turns: old JupyterLabs ask about a workspace that another tab has open.
    """
    path = (launch.path or "").split("/")
    query = None if launch.workspace else {"reset": "1"}
    workspace = launch.workspace or f"launcher-{int(launch.id[:8], 16) % WORKSPACES}"
    lab = ("user", launch.user, "lab", "workspaces", workspace, "tree")
    return urls.join(public_url, *lab, *path, query=query)
