"""What a teacher sees at one glance: for each notebook, how far each participant is."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from launcher.store import Store, tracked_notebooks, workshop_notebooks
from launcher.store.events import MICROSECONDS
from launcher.store.tracked_notebooks import Selection, TrackedRow
from launcher.store.workshops import Workshop
from launcher.workshops import definition, model, notebook_progress
from launcher.workshops.notebook_progress import NotebookProgress
from launcher.workshops.people import Viewer
from launcher.workshops.registry import Workshops

# a participant who saves nothing for so long may need help
QUIET_SECONDS = 600
# more would not be read
MOST_LISTED = 10_000
# notebooks of each participant, so that nobody hides others
MOST_OF_USER, LEAST_OF_USER = 100, 10
MOST_BOARDS = 100
# a notebook that a tenth of the participants has saved is one that others have not saved yet
COMMON = 10
NOT_KEPT = "The notebook was too large to send, or could not be read: only its time is known."


@dataclass(frozen=True)
class TrackedNotebook:
    """A notebook of a participant, as it was saved last."""

    id: int
    user: str
    path: str
    filename: str
    at: int
    """The time of the save, in microseconds since 1970."""
    now: float
    """The time at which it was looked at, in seconds since 1970."""
    progress: NotebookProgress | None
    """None: not counted yet."""

    @property
    def seconds(self) -> float:
        """The time of the save, in seconds since 1970."""
        return self.at / MICROSECONDS


@dataclass(frozen=True)
class NotebookBoard:
    """One notebook, and how far each participant is in it."""

    filename: str
    participants: list[TrackedNotebook]
    """Sorted by user and path."""
    missing: list[str]
    """Participants who have not saved it yet, sorted; of a notebook that few have, nobody."""
    code_cells: int | None
    """Of the notebook that the teacher gave to the class; None if there is none."""

    @property
    def savers(self) -> int:
        """How many participants have saved it."""
        return len({it.user for it in self.participants})

    @property
    def with_error(self) -> int:
        """How many participants have an error in it."""
        failed = (it for it in self.participants if it.progress and it.progress.first_error)
        return len({it.user for it in failed})

    @property
    def quiet(self) -> int:
        """How many participants did not save it for a while."""
        return len({it.user for it in self.participants if self.is_quiet(it)})

    def is_quiet(self, it: TrackedNotebook) -> bool:
        """Whether it was not saved for a while, and has cells that were not run."""
        is_done = it.progress and not it.progress.first_error and self.cells_of(it) > 0
        if is_done and self.run_of(it) == self.cells_of(it):
            return False
        return it.now - it.seconds > QUIET_SECONDS

    @property
    def usual_path(self) -> str:
        """The path that most of the participants have it at."""
        return Counter(it.path for it in self.participants).most_common(1)[0][0]

    def cells_of(self, it: TrackedNotebook) -> int:
        """The code cells that this participant's progress is measured by."""
        own = it.progress.code_cells if it.progress else 0
        return own if self.code_cells is None else self.code_cells

    def run_of(self, it: TrackedNotebook) -> int:
        """Of these, how many were run; cells that participants added make it no more than all."""
        return min(it.progress.run_cells if it.progress else 0, self.cells_of(it))


@dataclass(frozen=True)
class Dashboard:
    """The notebooks of a workshop, or all notebooks."""

    notebooks: list[NotebookBoard]
    """By filename."""
    participants: int | None
    """How many take part; None without a workshop."""
    left_out: int
    """How many more notebooks few participants have, which are not listed."""


class Dashboards:
    """Makes dashboards from what participants saved."""

    def __init__(self, store: Store, workshops: Workshops) -> None:
        self._store = store
        self._workshops = workshops

    async def of_all(
        self, viewer: Viewer, *, since: float | None = None, until: float | None = None
    ) -> Dashboard:
        """All notebooks that the viewer may see, saved at that time (seconds since 1970)."""
        whose = viewer.whose(None)
        selection = Selection(
            model.SAVE,
            users=None if whose is None else [whose],
            since=_microseconds(since),
            until=_microseconds(until),
            most_of_user=MOST_OF_USER if whose is None else None,
        )
        found = await self._select(selection, MOST_LISTED)
        groups = _by_name(found, lambda filename: filename)
        boards = [NotebookBoard(name, groups[name], [], None) for name in _shown_names(groups)]
        return Dashboard(boards, participants=None, left_out=len(groups) - len(boards))

    async def of_workshop(self, viewer: Viewer, workshop: Workshop) -> Dashboard:
        """The notebooks of a workshop that the viewer may see.

        Raises HubUnavailable, HubRefused, NotFound if it is not known who takes part.
        """
        names = [viewer.name]
        if viewer.sees_all:
            names = await self._workshops.participants(workshop)
        published = await self._store.read(workshop_notebooks.find_all, workshop.name)
        cells = {each.filename: each.code_cells for each in published}
        known = definition.names(workshop, cells)
        most = max(LEAST_OF_USER, MOST_LISTED // max(1, len(names)))
        selection = Selection(
            model.SAVE,
            users=names,
            patterns=definition.patterns(workshop, known),
            since=_microseconds(workshop.starts),
            until=_microseconds(workshop.ends),
            most_of_user=most,
        )
        found = await self._select(selection, most * max(1, len(names)))
        groups = _by_name(found, lambda name: definition.notebook_of(workshop, name, known))
        return _dashboard(groups, names, cells, known)

    async def _select(self, selection: Selection, limit: int) -> list[TrackedNotebook]:
        rows = await self._store.read(tracked_notebooks.select, selection, limit)
        now = time.time()
        return sorted((_tracked(row, now) for row in rows), key=attrgetter("user", "path"))


def _by_name(
    found: Iterable[TrackedNotebook], name_of: Callable[[str], str | None]
) -> dict[str, list[TrackedNotebook]]:
    """The notebooks by the names that their filenames stand for; those without one are left out."""
    groups: dict[str, list[TrackedNotebook]] = {}
    for it in found:
        if name := name_of(it.filename):
            groups.setdefault(name, []).append(it)
    return groups


def _shown_names(
    groups: Mapping[str, Sequence[TrackedNotebook]], known: Collection[str] = ()
) -> list[str]:
    """The notebooks that are shown: those known by name, and those of most participants."""
    others = sorted(groups.keys() - known, key=lambda name: (-len(groups[name]), name))
    return sorted([*known, *others[: max(0, MOST_BOARDS - len(known))]])


def _dashboard(
    groups: Mapping[str, list[TrackedNotebook]],
    participants: Sequence[str],
    cells: Mapping[str, int | None],
    known: Collection[str],
) -> Dashboard:
    """The dashboard of these participants; `cells` are those of each published notebook."""
    boards = []
    for name in _shown_names(groups, known):
        rows = groups.get(name, [])
        users = {it.user for it in rows}
        # what hardly anybody has is no task of everybody
        is_common = name in known or len(users) * COMMON >= len(participants)
        missing = sorted(set(participants) - users) if is_common else []
        boards.append(NotebookBoard(name, rows, missing, cells.get(name)))
    left_out = len(groups.keys() - {board.filename for board in boards})
    return Dashboard(boards, participants=len(participants), left_out=left_out)


def shown(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard as the API shows it."""
    return {
        "participants": dashboard.participants,
        "left_out": dashboard.left_out,
        "notebooks": [
            {
                "filename": board.filename,
                "code_cells": board.code_cells,
                "participants": [_shown(board, it) for it in board.participants],
                "missing": board.missing,
            }
            for board in dashboard.notebooks
        ],
    }


def _shown(board: NotebookBoard, it: TrackedNotebook) -> dict[str, Any]:
    error = it.progress and it.progress.first_error
    return {
        "id": it.id,
        "user": it.user,
        "path": it.path,
        "saved": model.iso(it.at),
        "is_quiet": board.is_quiet(it),
        "counted": it.progress is not None,
        "code_cells": board.cells_of(it),
        "run_cells": board.run_of(it),
        "first_error": error and {"cell": error.cell, "name": error.name, "text": error.text},
        "problem": (it.progress and it.progress.problem) or None,
    }


def _tracked(row: TrackedRow, now: float) -> TrackedNotebook:
    return TrackedNotebook(row.id, row.user, row.path, row.filename, row.at, now, _progress(row))


def _progress(row: TrackedRow) -> NotebookProgress | None:
    if row.statistics is not None:
        return notebook_progress.parse(row.statistics)
    return None if row.has_content else NotebookProgress(0, 0, None, NOT_KEPT)


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * MICROSECONDS)
