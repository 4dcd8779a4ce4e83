"""All notebooks of a day as a zip file: what was saved, and pages of it."""

import asyncio
import io
import json
import re
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from launcher import logs
from launcher.errors import LauncherError, NotFound, RenderingBusy
from launcher.store.workshops import Workshop
from launcher.workshops import dashboards, export_pages, model
from launcher.workshops.dashboards import Dashboard, Dashboards, TrackedNotebook
from launcher.workshops.export_names import Names
from launcher.workshops.export_pages import STYLESHEET, Exported
from launcher.workshops.notebook_files import SavedFile
from launcher.workshops.notebooks import Notebooks, NotebookSaves
from launcher.workshops.people import Viewer
from launcher.workshops.places import HeldPlace, Places

MAX_OFFSET = 14 * 60
MEDIA_TYPE = "application/zip"
BUSY_TRIES = 10
BUSY_SECONDS = 3.0
MAX_SHOWN = 5 * 1024**2
"""Bytes of a notebook that gets a page."""
MAX_UNPACKED = 1024**3
"""Bytes of all notebooks of an export."""
INDEX, LEFT_OUT = "index.html", "left-out.txt"
RESERVED = (STYLESHEET, "dashboard.json", INDEX, LEFT_OUT)
LEFT_OUT_REASON = (
    f"These notebooks are left out: an export has at most {MAX_UNPACKED // 1024**2} MiB."
)
TOO_LARGE = "This notebook is too large for a page. Its file is beside this page:"
MANY = "An export of yours is being made. Try again when it has ended."


@dataclass(frozen=True)
class Day:
    """A day at a distance from UTC."""

    date: date
    offset: int = 0
    """Minutes east of UTC."""

    @property
    def since(self) -> float:
        """Its first moment, in seconds since 1970."""
        midnight = datetime(self.date.year, self.date.month, self.date.day, tzinfo=UTC)
        return midnight.timestamp() - 60 * self.offset

    @property
    def until(self) -> float:
        """Its last moment, in seconds since 1970."""
        return self.since + timedelta(days=1).total_seconds() - 1e-6


def parse_day(text: str, offset: str = "") -> Day:
    """The day in a request: a date (ISO 8601), and minutes east of UTC; raises BadRequest."""
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise model.wrong("day", "must be a date, such as 2026-11-30") from error
    if offset and not re.fullmatch(r"-?[0-9]{1,4}", offset):
        raise model.wrong("utc_offset", "must be minutes, such as 60")
    minutes = int(offset or 0)
    if abs(minutes) > MAX_OFFSET:
        raise model.wrong("utc_offset", f"must be between -{MAX_OFFSET} and {MAX_OFFSET}")
    return Day(found, minutes)


@dataclass(frozen=True)
class ExportFile:
    """A zip file that is being made."""

    name: str
    content: AsyncIterator[bytes]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a response with the file."""
        return {"Content-Disposition": f'attachment; filename="{self.name}"'}


class Exports:
    """Makes zip files of what participants saved."""

    def __init__(self, boards: Dashboards, notebooks: Notebooks, stylesheet: Path) -> None:
        """`stylesheet` is the file that the pages need."""
        self._boards = boards
        self._notebooks = notebooks
        self._stylesheet = stylesheet
        self._places = Places(1, MANY)

    async def of_day(self, viewer: Viewer, workshop: Workshop | None, day: Day) -> ExportFile:
        """The zip file of a day; raises NotFound, TooManyRequests, and as `of_workshop` does."""
        found = await self.dashboard(viewer, workshop, day)
        name = workshop.name if workshop else "notebooks"
        content = self.zip(viewer, found)
        logs.audit("notebooks_exported", by=viewer.name, workshop=name, day=str(day.date))
        return ExportFile(f"{name}-{day.date}.zip", content)

    async def dashboard(self, viewer: Viewer, workshop: Workshop | None, day: Day) -> Dashboard:
        """The notebooks with a save on that day, each with its last one; raises NotFound."""
        if workshop is None:
            found = await self._boards.of_all(viewer, since=day.since, until=day.until)
        else:
            found = await self._boards.of_workshop(viewer, _on(workshop, day))
        if not any(board.participants for board in found.notebooks):
            raise NotFound(f"No notebook was saved on {day.date}.")
        return found

    def zip(self, viewer: Viewer, found: Dashboard) -> AsyncIterator[bytes]:
        """The zip file of a dashboard, in parts as they are made; raises TooManyRequests.

        A notebook that cannot be shown has a page that says why.
        """
        return self._zip(viewer, found, self._places.take(viewer.name))

    async def _zip(
        self, viewer: Viewer, found: Dashboard, place: HeldPlace
    ) -> AsyncIterator[bytes]:
        sink = _Sink()
        try:
            with zipfile.ZipFile(sink, mode="w", compression=zipfile.ZIP_DEFLATED) as archive:
                style = await asyncio.to_thread(self._stylesheet.read_bytes)
                archive.writestr(STYLESHEET, style)
                archive.writestr("dashboard.json", json.dumps(dashboards.shown(found), indent=1))
                filler = _Filler(self._notebooks, viewer, archive)
                async for _ in filler.add_all(found):
                    yield sink.take()
                filler.add_lists()
            yield sink.take()
        finally:
            self._places.free(place)


class _Filler:
    """Adds the notebooks of one export to its zip file."""

    def __init__(self, notebooks: Notebooks, viewer: Viewer, archive: zipfile.ZipFile) -> None:
        self._notebooks = notebooks
        self._viewer = viewer
        self._archive = archive
        self._exported: list[tuple[str, Exported]] = []
        self._left_out: list[str] = []
        self._room = MAX_UNPACKED

    async def add_all(self, found: Dashboard) -> AsyncIterator[None]:
        """Add one notebook after the other."""
        folders = Names(RESERVED)
        for board in found.notebooks:
            folder, names = folders.new(board.filename.removesuffix(".ipynb")), Names()
            for it in board.participants:
                added = await self._add(it, board.filename, f"{folder}/{names.new(it.user)}")
                self._exported.append((board.filename, added))
                yield

    def add_lists(self) -> None:
        """Add the page that leads to all notebooks, and the list of those that are left out."""
        self._archive.writestr(INDEX, export_pages.index(self._exported))
        if self._left_out:
            lines = [LEFT_OUT_REASON, "", *self._left_out, ""]
            self._archive.writestr(LEFT_OUT, "\n".join(lines).encode("utf-8", "replace"))

    async def _add(self, it: TrackedNotebook, filename: str, name: str) -> Exported:
        """Add a notebook and its page, as far as they can be made."""
        if not self._room:
            return self._leave_out(it, filename)
        path = None
        try:
            found = await self._notebooks.find(self._viewer, it.id)
            save = _save_of(found, it)
            file = await self._notebooks.file(found, save)
            if file.size > self._room:
                self._room = 0
                return self._leave_out(it, filename)
            self._room -= file.size
            path = f"{name}.ipynb"
            await _in_thread(_write, self._archive, path, file)
            document = await self._document(found, save, file, path)
        except LauncherError as error:
            document = export_pages.sentence(error.detail)
        page = export_pages.page_of(it, filename, document)
        await _in_thread(self._archive.writestr, f"{name}.html", page)
        return Exported(it, path, f"{name}.html")

    def _leave_out(self, it: TrackedNotebook, filename: str) -> Exported:
        self._left_out.append(f"{filename} of {it.user}, saved {export_pages.time_of(it)}")
        return Exported(it, None, None)

    async def _document(self, found: NotebookSaves, save: int, file: SavedFile, path: str) -> str:
        """The document of a save; waits while many notebooks are being rendered."""
        if file.size > MAX_SHOWN:
            return export_pages.sentence(TOO_LARGE, path.rpartition("/")[2])
        for _ in range(BUSY_TRIES):
            try:
                return await self._notebooks.document(found, save, f"../{STYLESHEET}")
            except RenderingBusy:
                await asyncio.sleep(BUSY_SECONDS)
        return await self._notebooks.document(found, save, f"../{STYLESHEET}")


class _Sink(io.BytesIO):
    """A file that gives what was written to it; zipfile does not go back in it."""

    def tell(self) -> int:
        """Raise UnsupportedOperation."""
        raise io.UnsupportedOperation("tell")

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = self.getvalue()
        self.seek(0)
        self.truncate()
        return taken


def _on(workshop: Workshop, day: Day) -> Workshop:
    """The workshop as if it took place on that day only."""
    starts = max(day.since, workshop.starts or 0.0)
    ends = day.until if workshop.ends is None else min(day.until, workshop.ends)
    return replace(workshop, starts=starts, ends=ends)


def _save_of(found: NotebookSaves, it: TrackedNotebook) -> int:
    """The id of the save that a dashboard shows; raises NotFound."""
    save = next((each.id for each in found.saves if each.at == it.at), None)
    if save is None:
        raise NotFound("This save is not kept any more.")
    return save


def _write(archive: zipfile.ZipFile, path: str, file: SavedFile) -> None:
    """Add a file, of which only a part is in memory at a time."""
    entry = zipfile.ZipInfo(path, time.localtime()[:6])
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    with archive.open(entry, mode="w") as target:
        for part in file.parts():
            target.write(part)


async def _in_thread(call: Callable[..., None], *args: object) -> None:
    """Call in a thread, and wait for its end also if cancelled: it writes to the zip file."""
    task = asyncio.ensure_future(asyncio.to_thread(call, *args))
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task])
