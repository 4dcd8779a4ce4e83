"""All notebooks of a day as a zip file: what was saved, and pages of it."""

import asyncio
import html
import io
import itertools
import json
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from launcher.errors import LauncherError, NotFound, RenderingBusy
from launcher.store.workshops import Workshop
from launcher.workshops import dashboards, model
from launcher.workshops.dashboards import Dashboard, Dashboards, TrackedNotebook
from launcher.workshops.notebooks import Notebooks, NotebookSaves
from launcher.workshops.people import Viewer

STYLESHEET = "notebook.css"
MAX_OFFSET = 14 * 60
BUSY_TRIES = 5
BUSY_SECONDS = 3.0
_NOT_OF_A_NAME = re.compile(r"[^\w.@+-]+")
# a page of the zip file is opened without the policy of the launcher's own answers
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'; object-src 'none';"
    " frame-src 'none'; connect-src 'none'; img-src data:; form-action 'none'\">"
)
_HEAD = '<meta charset="utf-8">'
_PROBLEM = (
    f'<!DOCTYPE html>\n<html lang="en"><head>{_HEAD}<title>Notebook</title></head>'
    "<body><p>{}</p></body></html>\n"
)


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


class Exports:
    """Makes zip files of what participants saved."""

    def __init__(self, boards: Dashboards, notebooks: Notebooks, stylesheet: Path) -> None:
        """`stylesheet` is the file that the pages need."""
        self._boards = boards
        self._notebooks = notebooks
        self._stylesheet = stylesheet

    async def dashboard(self, viewer: Viewer, workshop: Workshop | None, day: Day) -> Dashboard:
        """The notebooks with a save on that day, each with its last one; raises NotFound."""
        if workshop is None:
            found = await self._boards.of_all(viewer, since=day.since, until=day.until)
        else:
            found = await self._boards.of_workshop(viewer, _on(workshop, day))
        if not any(board.participants for board in found.notebooks):
            raise NotFound(f"No notebook was saved on {day.date}.")
        return found

    async def zip(self, viewer: Viewer, found: Dashboard) -> AsyncIterator[bytes]:
        """The zip file of a dashboard, in parts as they are made.

        A notebook that cannot be shown has a page that says why.
        """
        sink, folders = _Sink(), _Names()
        with zipfile.ZipFile(sink, mode="w", compression=zipfile.ZIP_DEFLATED) as archive:
            style = await asyncio.to_thread(self._stylesheet.read_bytes)
            archive.writestr(STYLESHEET, style)
            archive.writestr("dashboard.json", json.dumps(dashboards.shown(found), indent=1))
            for board in found.notebooks:
                folder, names = folders.new(board.filename.removesuffix(".ipynb")), _Names()
                for it in board.participants:
                    name = f"{folder}/{names.new(it.user)}"
                    for path, content in await self._files(viewer, it, name):
                        await asyncio.to_thread(archive.writestr, path, content)
                    yield sink.take()
        yield sink.take()

    async def _files(
        self, viewer: Viewer, it: TrackedNotebook, name: str
    ) -> list[tuple[str, bytes]]:
        """The notebook and its page, as far as they can be made."""
        files = []
        try:
            found = await self._notebooks.find(viewer, it.id)
            save = next((each.id for each in found.saves if each.at == it.at), None)
            if save is None:
                raise NotFound("This save is not kept any more.")
            files.append((f"{name}.ipynb", await self._notebooks.file(found, save)))
            page = await self._page(found, save)
        except LauncherError as error:
            page = _PROBLEM.format(html.escape(error.detail))
        return [*files, (f"{name}.html", page.replace(_HEAD, _HEAD + _POLICY, 1).encode())]

    async def _page(self, found: NotebookSaves, save: int) -> str:
        """The page of a save; waits while many notebooks are being rendered."""
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


class _Names:
    """Names of files in one folder, also of file systems that ignore the case of letters."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def new(self, text: str) -> str:
        """A name like the text that is valid on any system, and not used yet."""
        safe = _NOT_OF_A_NAME.sub("_", text).strip(".")[:100] or "_"
        name = next(
            each
            for number in itertools.count(1)
            if (each := safe if number == 1 else f"{safe}-{number}").casefold() not in self._used
        )
        self._used.add(name.casefold())
        return name
