"""The notebooks that participants save, as their teacher sees them."""

from dataclasses import dataclass

import sqlalchemy as sa
from cachetools import LRUCache

from launcher.errors import NotFound, RenderingFailed
from launcher.rendering import WHOLE, FailedRenderings, Renderer, View
from launcher.singleflight import SingleFlight
from launcher.store import Store, saved_notebooks
from launcher.store import events as rows
from launcher.store.events import StoredEvent
from launcher.store.saved_notebooks import Save
from launcher.workshops import notebook_files
from launcher.workshops.model import SAVE
from launcher.workshops.notebook_files import Download, SavedFile
from launcher.workshops.people import Viewer
from launcher.workshops.places import Places

# of rendered notebooks, in one worker
CACHE_BYTES = 32 * 1024**2
FILES_OF_ONE = 2
NO_CONTENT = (
    "Only the event of this save is known: the notebook was too large to send, or could not be"
    " read."
)
MANY_FILES = "You are downloading several notebooks. Try again when they have ended."
GONE = "This save is not kept any more. Go back to the list of notebooks."


@dataclass(frozen=True)
class ParticipantNotebook:
    """A notebook of a participant whose saves are kept."""

    id: int
    """That of its event."""
    user: str
    path: str
    filename: str


@dataclass(frozen=True)
class NotebookSaves:
    """A notebook with its saves, the last one first."""

    notebook: ParticipantNotebook
    saves: list[Save]


class Notebooks:
    """The saved notebooks of all participants."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer
        self._documents: LRUCache[tuple[str, str, View], str] = LRUCache(CACHE_BYTES, getsizeof=len)
        self._single_flight: SingleFlight[str] = SingleFlight()
        self._failed = FailedRenderings()
        self._downloads = Places(FILES_OF_ONE, MANY_FILES)

    async def find(self, viewer: Viewer, event_id: int) -> NotebookSaves:
        """A notebook that the viewer may see; raises NotFound."""
        event, saves = await self._store.read(_find, event_id)
        if event is None or event.type != SAVE or not viewer.may_see(event.user):
            raise NotFound("There is no such notebook, or you may not see it.")
        notebook = ParticipantNotebook(event.id, event.user, event.path, event.filename)
        return NotebookSaves(notebook, saves)

    async def document(
        self, found: NotebookSaves, save_id: int | None, stylesheet: str, view: View = WHOLE
    ) -> str:
        """A save of a notebook, the last one by default, as a safe HTML document.

        A bounded number of notebooks of one owner are rendered at the same time. Raises NotFound,
        RenderingFailed, RenderingBusy.
        """
        save = _chosen(found, save_id)
        key = save.content_hash, stylesheet, view
        if key not in self._documents:
            made = await self._single_flight.share(
                key, lambda: self._render(save, stylesheet, view)
            )
            if len(made) <= CACHE_BYTES:
                self._documents[key] = made
            return made
        return self._documents[key]

    async def file(self, found: NotebookSaves, save_id: int | None) -> SavedFile:
        """The file of a save, the last one by default; raises NotFound, TooLarge."""
        return await notebook_files.opened(await self._packed(_chosen(found, save_id)))

    async def download(self, viewer: Viewer, found: NotebookSaves, save_id: int | None) -> Download:
        """The file of a save, as one of a few downloads of the viewer.

        Raises NotFound, TooLarge, TooManyRequests.
        """
        place = self._downloads.take(viewer.name)
        file = await self.file(found, save_id)
        return Download(notebook_files.sent(file, self._downloads, place), file.size)

    async def _render(self, save: Save, stylesheet: str, view: View) -> str:
        self._failed.check(save.content_hash, view)
        packed = await self._packed(save)
        try:
            return await self._renderer.render_saved(packed, stylesheet, save.user, view=view)
        except RenderingFailed as failure:
            self._failed.add(save.content_hash, view, failure)
            raise

    async def _packed(self, save: Save) -> bytes:
        content = await self._store.read(saved_notebooks.content, save.id)
        if content is None:
            raise NotFound(GONE)
        return content


def _chosen(found: NotebookSaves, save_id: int | None) -> Save:
    """The save that is asked for; raises NotFound."""
    save = next((each for each in found.saves if save_id in (None, each.id)), None)
    if save is None:
        raise NotFound(GONE)
    if not save.has_content:
        raise NotFound(NO_CONTENT)
    return save


def _find(connection: sa.Connection, event_id: int) -> tuple[StoredEvent | None, list[Save]]:
    event = rows.find(connection, event_id)
    if event is None:
        return None, []
    return event, saved_notebooks.of_notebook(connection, event.user, event.path)
