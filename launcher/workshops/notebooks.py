"""The notebooks that participants save, as their teacher sees them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import sqlalchemy as sa
from cachetools import LRUCache

from launcher.errors import NotFound
from launcher.rendering import Renderer
from launcher.singleflight import SingleFlight
from launcher.store import Store, saved_notebooks
from launcher.store import events as rows
from launcher.store.events import MICROSECONDS, StoredEvent
from launcher.store.saved_notebooks import Save
from launcher.workshops.model import SAVE, now
from launcher.workshops.people import Viewer

# a participant who saves nothing for so long may need help
QUIET_SECONDS = 600
# of rendered notebooks, in one worker
CACHE_BYTES = 32 * 1024**2
# more would not be read
MOST_LISTED = 10_000
NO_CONTENT = (
    "Only the event of this save is known: the notebook was too large to send, or could not be"
    " read."
)
GONE = "This save is not kept any more. Go back to the list of notebooks."


@dataclass(frozen=True)
class TrackedNotebook:
    """A notebook of a participant whose saves are kept."""

    id: int
    """That of its event."""
    user: str
    path: str
    filename: str
    at: int
    """The time of the last save, in microseconds since 1970."""

    @property
    def seconds(self) -> float:
        """The time of the last save, in seconds since 1970."""
        return self.at / MICROSECONDS

    @property
    def is_quiet(self) -> bool:
        """Whether it was not saved for a while."""
        return now() - self.at > QUIET_SECONDS * MICROSECONDS


@dataclass(frozen=True)
class NotebookSaves:
    """A notebook with its saves, the last one first."""

    notebook: TrackedNotebook
    saves: list[Save]


class Notebooks:
    """The saved notebooks of all participants."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer
        self._documents: LRUCache[tuple[str, str], str] = LRUCache(CACHE_BYTES, getsizeof=len)
        self._single_flight: SingleFlight[str] = SingleFlight()

    async def tracked(self, viewer: Viewer) -> list[TrackedNotebook]:
        """The notebooks that the viewer may see, by filename, user and path."""
        whose = viewer.whose(None)
        equal = {"type": SAVE} if whose is None else {"type": SAVE, "user": whose}
        found = await self._store.read(rows.select, equal, limit=MOST_LISTED)
        return sorted(map(_tracked, found), key=attrgetter("filename", "user", "path"))

    async def find(self, viewer: Viewer, event_id: int) -> NotebookSaves:
        """A notebook that the viewer may see; raises NotFound."""
        event, saves = await self._store.read(_find, event_id)
        if event is None or event.type != SAVE or not viewer.may_see(event.user):
            raise NotFound("There is no such notebook, or you may not see it.")
        return NotebookSaves(_tracked(event), saves)

    async def document(self, found: NotebookSaves, save_id: int | None, stylesheet: str) -> str:
        """A save of a notebook, the last one by default, as a safe HTML document.

        Raises NotFound, RenderingFailed, RenderingBusy.
        """
        save = next((each for each in found.saves if save_id in (None, each.id)), None)
        if save is None:
            raise NotFound(GONE)
        if not save.has_content:
            raise NotFound(NO_CONTENT)
        key = save.content_hash, stylesheet
        if key not in self._documents:
            made = await self._single_flight.share(key, lambda: self._render(save, stylesheet))
            if len(made) <= CACHE_BYTES:
                self._documents[key] = made
            return made
        return self._documents[key]

    async def _render(self, save: Save, stylesheet: str) -> str:
        content = await self._store.read(saved_notebooks.content, save.id)
        if content is None:
            raise NotFound(GONE)
        return await self._renderer.render_saved(content, stylesheet)


def by_filename(
    notebooks: list[TrackedNotebook],
) -> Iterator[tuple[str, list[TrackedNotebook]]]:
    """Notebooks with the same filename together; the list has to be in their order."""
    for name, group in groupby(notebooks, key=attrgetter("filename")):
        yield name, list(group)


def _tracked(event: StoredEvent) -> TrackedNotebook:
    return TrackedNotebook(event.id, event.user, event.path, event.filename, event.at)


def _find(connection: sa.Connection, event_id: int) -> tuple[StoredEvent | None, list[Save]]:
    event = rows.find(connection, event_id)
    if event is None:
        return None, []
    return event, saved_notebooks.of_notebook(connection, event.user, event.path)
