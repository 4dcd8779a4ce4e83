"""The notebooks that teachers give to the participants of a workshop."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import launcher
from launcher import logs, urls
from launcher.contents import Contents, ServerGone
from launcher.errors import (
    BadRequest,
    ContentsFailed,
    FileUnreadable,
    Forbidden,
    NotebookPlanned,
    NotFound,
    ServerNotRunning,
    TooLarge,
    WorkshopNotBegun,
)
from launcher.hub.users import Identity
from launcher.launches.request import NotebookRequest, NotebookTarget
from launcher.server_ref import ServerRef
from launcher.store import Store, workshop_launches
from launcher.store import workshop_notebooks as rows
from launcher.store.workshop_notebooks import PublishedNotebook
from launcher.store.workshops import Workshop
from launcher.urls import HomePath
from launcher.workshops import definition, model, notebook_file
from launcher.workshops.notebook_file import NotebookFile, UnusableNotebook
from launcher.workshops.people import Viewer
from launcher.workshops.registry import Workshops, require_teacher

MOST = 100
MOST_BYTES = 50 * 2**20
READ_SECONDS = 60.0
_TOO_LARGE = f"may have {notebook_file.MAX_BYTES // 2**20} MiB at most"


@dataclass(frozen=True)
class Source:
    """Where a notebook that is published comes from: a file in the caller's home, or the request.

    Exactly one of `path` and `notebook` is there.
    """

    path: str | None = None
    """Below the home."""
    server: str = ""
    """The server that reads the file."""
    notebook: Mapping[str, Any] | None = None
    keep_outputs: bool = False

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> "Source":
        """The source in a request; raises BadRequest."""
        if ("path" in body) == ("notebook" in body):
            raise model.wrong("path", "or notebook has to be there, and not both")
        if "server" in body and "path" not in body:
            raise model.wrong("server", "belongs to path")
        return cls(
            path=body.get("path"),
            server=body.get("server", ""),
            notebook=body.get("notebook"),
            keep_outputs=body.get("keep_outputs", False),
        )


class Material:
    """The published notebooks of all workshops."""

    def __init__(self, store: Store, contents: Contents, workshops: Workshops) -> None:
        self._store = store
        self._contents = contents
        self._workshops = workshops

    async def find_all(
        self, viewer: Viewer, identity: Identity, workshop: str
    ) -> list[PublishedNotebook]:
        """The notebooks of a workshop, by name; raises NotFound, WorkshopNotBegun."""
        found = await self._workshops.find(viewer, identity, workshop)
        require_begun(viewer, found)
        return await self._store.read(rows.find_all, found.name)

    async def publish(
        self, viewer: Viewer, identity: Identity, workshop: str, filename: str, source: Source
    ) -> PublishedNotebook:
        """Publish a notebook, in place of an earlier one with its name.

        Raises Forbidden, NotFound, BadRequest, TooLarge, TooManyRequests, ServerNotRunning,
        FileUnreadable, and as `TokenSource.token_for` does.
        """
        found = await self._workshops.find(viewer, identity, workshop)
        require_teacher(viewer)
        name = _filename(found, filename)
        if source.path is None:
            made = await _checked("/notebook", notebook_file.normalized, source.notebook, source)
        else:
            text = await self._read(identity, source.path, source.server)
            made = await _checked("/path", notebook_file.read, text, source)
        notebook = PublishedNotebook(
            found.name, name, made.content_hash, made.code_cells, viewer.name
        )
        stored = await self._store.run(
            rows.put, notebook, made.content, most=MOST, most_bytes=MOST_BYTES
        )
        _audit("workshop_notebook_published", viewer, notebook)
        return stored

    async def remove(
        self, viewer: Viewer, identity: Identity, workshop: str, filename: str
    ) -> None:
        """Remove a notebook, not its copies in homes.

        Raises Forbidden, NotFound, and NotebookPlanned while it is to be launched for all.
        """
        found = await self._workshops.find(viewer, identity, workshop)
        require_teacher(viewer)
        notebook = await self._find(found.name, filename)
        if await self._store.read(workshop_launches.is_planned, found.name, notebook.filename):
            raise NotebookPlanned(
                f"{notebook.filename} is being put into everybody's home, or is planned to be."
                " Cancel that first."
            )
        await self._store.run(rows.remove, found.name, notebook.filename)
        _audit("workshop_notebook_removed", viewer, notebook)

    async def request(
        self,
        viewer: Viewer,
        identity: Identity,
        workshop: str,
        filename: str,
        directory: str | None = None,
    ) -> NotebookRequest:
        """What a participant or teacher launches; never over a file of theirs.

        Raises NotFound, Forbidden, BadRequest, WorkshopNotBegun.
        """
        if identity.is_service:
            raise Forbidden("A service has no home: launch for all participants instead.")
        found = await self._workshops.find(viewer, identity, workshop)
        require_begun(viewer, found)
        return await self.notebook(found, filename, directory)

    async def notebook(
        self, workshop: Workshop, filename: str, directory: str | None = None
    ) -> NotebookRequest:
        """The request for a launch of a notebook as it is now; raises NotFound, BadRequest."""
        folder = _pointed("/directory", urls.parse_directory, directory or workshop.name)
        notebook = await self._find(workshop.name, filename)
        content = await self._store.read(rows.content, workshop.name, notebook.filename)
        if content is None:
            raise _no_notebook()
        rendered = await asyncio.to_thread(json.loads, content)
        made_by = {
            "version": launcher.__version__,
            "experiment": opened_as(workshop.name),
            "template_sha256": notebook.content_hash,
            "parameters": {},
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        rendered["metadata"] = {**rendered["metadata"], "launcher": made_by}
        target = NotebookTarget(folder, notebook.filename, if_exists="rename")
        return NotebookRequest(opened_as(workshop.name), {}, rendered, target)

    async def size(self, workshop: str, filename: str) -> int:
        """How many characters a notebook has; raises NotFound."""
        found = await self._store.read(rows.size, workshop, filename)
        if found is None:
            raise _no_notebook()
        return found

    async def require(self, workshop: str, filename: str) -> PublishedNotebook:
        """The notebook with that name; raises NotFound."""
        return await self._find(workshop, filename)

    async def _find(self, workshop: str, filename: str) -> PublishedNotebook:
        found = await self._store.read(rows.find, workshop, filename)
        if found is None:
            raise _no_notebook()
        return found

    async def _read(self, identity: Identity, path: str, server: str) -> str:
        """The text of a file of the caller's, which their own server reads."""
        if identity.is_service:
            raise Forbidden("A service has no home: send the notebook itself, as `notebook`.")
        where: HomePath = _pointed("/path", urls.parse_directory, path)
        if not where[-1].endswith(".ipynb"):
            raise model.wrong("path", "must end with .ipynb")
        ref = ServerRef(identity.name, urls.parse_server_name(server, "/server"))
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._contents.calls.probe(ref)
                return await self._contents.read_text(ref, where, notebook_file.MAX_BYTES)
        except ServerGone as error:
            raise ServerNotRunning(
                "Your server does not run, so your file cannot be read. Start it, then publish"
                " again."
            ) from error
        except TimeoutError as error:
            raise FileUnreadable(
                "Your server did not answer in time. It may be busy: try again in a minute."
            ) from error
        except NotFound as error:
            error.errors = [{"pointer": "/path", "detail": "is not there; check folder and name"}]
            raise
        except BadRequest as error:
            error.errors = [{"pointer": "/path", "detail": "is not a notebook that can be read"}]
            raise
        except TooLarge as error:
            error.errors = [{"pointer": "/path", "detail": _TOO_LARGE}]
            raise
        except ContentsFailed as error:
            raise FileUnreadable(f"The file could not be read. {error.detail}") from error


def opened_as(workshop: str) -> str:
    """What launches of a workshop's notebooks have in place of an experiment's name.

    A slash is in no name of an experiment.
    """
    return f"workshops/{workshop}"


def workshop_of(experiment: str) -> str:
    """The workshop whose notebook a launch opened, by what it has as its experiment; else ''."""
    kind, _, name = experiment.partition("/")
    return name if kind == "workshops" else ""


def require_begun(viewer: Viewer, workshop: Workshop) -> None:
    """Raise WorkshopNotBegun before the begin of a workshop, unless the viewer teaches."""
    if not viewer.sees_all and workshop.starts is not None and workshop.starts > time.time():
        begin = datetime.fromtimestamp(workshop.starts, UTC)
        raise WorkshopNotBegun(
            f"The workshop begins at {begin:%Y-%m-%d %H:%M} UTC. Its notebooks can be opened then.",
            retry_after=max(1, int(workshop.starts - time.time())),
        )


async def _checked(
    pointer: str, read: Callable[..., NotebookFile], found: Any, source: Source
) -> NotebookFile:
    """The notebook that `read` makes of it in a thread; raises BadRequest."""
    try:
        return await asyncio.to_thread(read, found, keep_outputs=source.keep_outputs)
    except UnusableNotebook as error:
        errors = [{"pointer": pointer, "detail": str(error)}]
        raise BadRequest(definition.sentence(errors), errors=errors) from error


def _filename(workshop: Workshop, text: str) -> str:
    """The name of a notebook that belongs to the workshop; raises BadRequest."""
    name: str = _pointed("/filename", urls.parse_filename, text)
    if not definition.has(workshop, name):
        patterns = ", ".join(workshop.notebooks[:10])
        raise model.wrong(
            "filename",
            f"must be one of the workshop's notebooks: {patterns}; it may differ from the path",
        )
    return name


def _pointed(pointer: str, parse: Callable[[str], Any], text: str) -> Any:
    """What `parse` returns; raises BadRequest at the pointer."""
    try:
        return parse(text)
    except BadRequest as error:
        errors = [{**each, "pointer": pointer} for each in error.errors]
        raise BadRequest(definition.sentence(errors), errors=errors) from error


def _no_notebook() -> NotFound:
    return NotFound("The workshop has no such notebook.")


def _audit(what: str, viewer: Viewer, notebook: PublishedNotebook) -> None:
    found = {"workshop": notebook.workshop, "notebook": notebook.filename}
    logs.audit(what, by=viewer.name, **found, content_hash=notebook.content_hash)
