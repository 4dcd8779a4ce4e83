"""What was asked for, and its way into the database: from here on it is not lost."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher import logs, urls
from launcher.errors import KeyReused
from launcher.store import idempotency, leases
from launcher.store import launches as rows
from launcher.store.launches import Bounds, Launch


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


@dataclass(frozen=True)
class Order:
    """Whose server it is for, on whose behalf, and what makes it the same as an earlier one."""

    user: str
    requested_by: str | None = None
    key: str | None = None
    parameters: Mapping[str, Any] | None = None

    def key_hash(self) -> str:
        """The key, which is another one for each caller and user."""
        return _digest([self.requested_by, self.user, self.key])


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def new_launch(
    order: Order, notebook: dict[str, Any], request: NotebookRequest, holder: str
) -> Launch:
    """The launch, not yet written down, with its id in the notebook."""
    launch_id = uuid.uuid4().hex
    made_by = notebook["metadata"]["launcher"]
    made_by["launch_id"] = launch_id
    return Launch(
        id=launch_id,
        user=order.user,
        experiment=made_by["experiment"],
        directory="/".join(request.directory),
        filename=request.filename,
        workspace=request.workspace,
        if_exists=request.if_exists,
        content=json.dumps(notebook, ensure_ascii=False, indent=1),
        holder=holder,
        requested_by=order.requested_by,
        request_id=logs.request_id.get() or None,
    )


def put_down(
    connection: sa.Connection,
    launch: Launch,
    order: Order,
    request: NotebookRequest,
    bounds: Bounds,
) -> tuple[Launch, bool]:
    """The launch, or the one that its key stands for; and whether it holds its first name.

    Raises KeyReused, TooManyLaunches.
    """
    if order.key is not None:
        body = _digest([launch.experiment, dict(order.parameters or {}), vars(request)])
        if known := _known(connection, order.key_hash(), body, launch.id):
            return known, False
    rows.check_bounds(connection, launch.user, bounds)
    # ask at once for the name that it most likely ends with
    path = f"{launch.directory}/{launch.filename}"
    held = leases.acquire(connection, launch.user, path, launch.id)
    return rows.insert(connection, launch), held


def _known(connection: sa.Connection, key: str, body: str, new_id: str) -> Launch | None:
    """The launch that the key stands for, None when that is the new one; raises KeyReused.

    A key whose launch is not stored any more is free for the next request.
    """
    while True:
        known_body, launch_id = idempotency.remember(connection, key, body, new_id)
        if launch_id == new_id:
            return None
        launch = rows.find(connection, launch_id)
        if launch is None:
            if idempotency.replace(connection, key, launch_id, body, new_id):
                return None
        elif known_body != body:
            raise KeyReused(
                "This Idempotency-Key came before with another request. Use a new key for each"
                " launch."
            )
        else:
            return launch
