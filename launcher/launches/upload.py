"""Uploads a notebook to a free name in a home; existing files are never changed.

The notebook is uploaded to a temporary file, which is then renamed. A rename refuses a name that is
taken but replaces a dangling link, so the name is looked up first. Two renames at the same moment
can both succeed, so a lease of the name is acquired first.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from launcher.contents import Ambiguous, Contents, OtherText, ServerGone
from launcher.errors import ContentsFailed, FileExists, InTheWay, LauncherError
from launcher.launches.filenames import CandidateNames, first_free
from launcher.store import Store, leases
from launcher.store import launches as launch_rows
from launcher.store.launches import Launch, Notebook
from launcher.urls import HomePath

MAX_LOOKS = 5
LEASE_POLL_SECONDS = 0.05
LEASE_POLLS = 400


@dataclass
class UploadState:
    """What the worker knows of a running launch beside its row."""

    sure_until: float = 0.0
    """Until then (monotonic clock) the launch surely is ours and holds its first lease."""
    may_be_there: bool = True
    """Whether the notebook may be in the home already."""
    seconds: float = 0.0
    """How long the uploads took so far, failed ones included."""


class NotOwned(Exception):
    """The launch was cancelled, or another worker has taken it over."""


def _temporary(launch: Launch, takeovers: int) -> HomePath:
    # without the filename, which may have the maximum length; different for each worker, because
    # one that was thought dead may still run; a notebook, because a pre_save_hook may require that
    number = f".{takeovers}" if takeovers else ""
    return (*_directory(launch), f"launcher-{launch.id}{number}.ipynb")


def _notebook(launch: Launch) -> Notebook:
    if launch.notebook is None:
        raise ValueError("a launch without a notebook uploads nothing")
    return launch.notebook


def _directory(launch: Launch) -> HomePath:
    return tuple(_notebook(launch).directory.split("/"))


class Uploader:
    """Uploads notebooks with the contents API, under leases in the store."""

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store = store
        self._contents = contents

    async def upload(self, launch: Launch, attempt: UploadState) -> HomePath:
        """Upload the launch's notebook; returns its path. May be repeated after any failure.

        Raises ServerGone, NotOwned, FileExists, InsufficientStorage, NotWritable, ContentsFailed.
        """
        if not launch.attempts:
            await self._contents.calls.probe_unless_known(launch.server)
        wanted, launch = launch, await self._spelled(launch)
        if launch is not wanted:
            attempt.sure_until = 0.0  # the lease is for the other spelling
        if attempt.may_be_there and (path := await self._placed_before(launch)):
            return path
        if _notebook(launch).if_exists == "replace":
            return await self._replace(launch, attempt)
        temporary = _temporary(launch, launch.takeovers)
        try:
            async with self._looking(launch) as is_taken:
                written = await self._put(launch, temporary)
                path = await self._name(launch, temporary, attempt, written, is_taken)
        except (LauncherError, NotOwned):
            await self._contents.delete(launch.server, temporary)
            raise
        await self._remove_temporaries(launch, launch.takeovers)
        return path

    async def tidy(self, launch: Launch) -> None:
        """Remove what a cancelled launch may have left in the home."""
        if launch.notebook:
            await self._remove(launch)
        await self._store.run_until_done(launch_rows.release, launch)

    async def _remove(self, launch: Launch) -> None:
        with suppress(ServerGone, LauncherError):
            # a replaced file has a checkpoint
            if _notebook(launch).if_exists != "replace" and (
                path := await self._placed_before(launch)
            ):
                await self._contents.delete(launch.server, path)
            await self.discard(launch)

    async def require_server(self, launch: Launch) -> None:
        """Raise ServerGone when the launch's server does not run."""
        await self._contents.calls.probe(launch.server)

    async def discard(self, launch: Launch) -> None:
        """Remove the temporary file of an upload that is not continued."""
        with suppress(ServerGone, LauncherError):
            launch = await self._spelled(launch)
            await self._remove_temporaries(launch, launch.takeovers + 1)

    def prepare(self, launch: Launch) -> None:
        """Request the token of the launch's server while the server starts."""
        self._contents.calls.prepare(launch.server)

    async def _spelled(self, launch: Launch) -> Launch:
        """The launch with its directory as it is spelled in the home."""
        directory = "/".join(await self._contents.find_directory(launch.server, _directory(launch)))
        return (
            launch
            if directory == _notebook(launch).directory
            else replace(launch, notebook=replace(_notebook(launch), directory=directory))
        )

    @asynccontextmanager
    async def _looking(self, launch: Launch) -> AsyncIterator["asyncio.Task[bool]"]:
        """Look up the wanted name while the notebook is uploaded."""
        path = (*_directory(launch), _notebook(launch).filename)
        look = asyncio.create_task(self._contents.exists(launch.server, path))
        # its result may not be needed
        look.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            yield look
        finally:
            look.cancel()

    async def _remove_temporaries(self, launch: Launch, takeovers: int) -> None:
        """Remove the temporary files of the first workers that ran the launch."""
        for earlier in range(takeovers):
            await self._contents.delete(launch.server, _temporary(launch, earlier))

    async def _placed_before(self, launch: Launch) -> HomePath | None:
        """Where an earlier attempt without an answer left the notebook, if it did."""
        for text in await self._store.read(leases.paths, launch.id):
            path = tuple(text.split("/"))
            if await self._is_ours(launch, path):
                await self.discard(launch)
                return path
        return None

    async def _put(self, launch: Launch, path: HomePath) -> datetime | None:
        """Upload, again where no answer came; returns when it was written."""
        unanswered: Ambiguous | None = None
        for _ in range(MAX_LOOKS):
            try:
                # a server that had to be started may never have been used
                return await self._contents.put_text(
                    launch.server,
                    path,
                    _notebook(launch).content,
                    directories_first=launch.attempts > 0,
                )
            except Ambiguous as error:
                unanswered = error
                await asyncio.sleep(LEASE_POLL_SECONDS)
        raise ServerGone from unanswered

    async def _name(
        self,
        launch: Launch,
        temporary: HomePath,
        attempt: UploadState,
        written: datetime | None,
        is_taken: Awaitable[bool],
    ) -> HomePath:
        """Rename the temporary file to a name that is free.

        `is_taken` says so of the wanted name; `written` is when the file was.
        """
        number, names = 0, CandidateNames(_notebook(launch))
        while True:
            path = names.path(number)
            surely_held = number == 0 and time.monotonic() < attempt.sure_until
            if surely_held or await self._acquire(launch, path):
                attempt.may_be_there = True
                look = is_taken if number == 0 else self._contents.exists(launch.server, path)
                if await self._rename(launch, temporary, path, written, is_free=not await look):
                    return path
                await self._store.run(leases.release_path, launch.id, "/".join(path))
            if _notebook(launch).if_exists == "fail":
                raise FileExists(
                    f"{'/'.join(path)} exists, or a text that jupytext pairs with it, and if_exists"
                    " is fail."
                )
            number = await first_free(lambda n: self._is_taken(launch, names.path(n)), after=number)

    async def _acquire(self, launch: Launch, path: HomePath) -> bool:
        taken = await self._store.run(_acquire, launch, "/".join(path))
        if taken is None:
            raise NotOwned
        return taken

    async def _is_taken(self, launch: Launch, path: HomePath) -> bool:
        """Whether a launch holds the path, or something in the home has it."""
        is_held = await self._store.read(_is_held, launch, "/".join(path))
        if is_held is None:
            raise NotOwned
        return is_held or await self._contents.exists(launch.server, path)

    async def _rename(
        self,
        launch: Launch,
        temporary: HomePath,
        path: HomePath,
        written: datetime | None,
        *,
        is_free: bool,
    ) -> bool:
        """Rename; after a call without an answer, check whether the file is this launch's."""
        # a call of an earlier attempt, or of a worker that was thought dead, may be late
        unsure = launch.attempts > 0 or launch.takeovers > 0
        if not is_free:
            return unsure and await self._was_renamed(launch, temporary, path)
        unanswered: Ambiguous | None = None
        for _ in range(MAX_LOOKS):
            try:
                renamed = await self._contents.rename(
                    launch.server, temporary, path, _notebook(launch).content, written
                )
            except Ambiguous as error:
                unanswered, unsure = error, True
                await asyncio.sleep(LEASE_POLL_SECONDS)
            except OtherText:
                await self._contents.delete(launch.server, path)
                await self._put(launch, temporary)
                return False
            except ContentsFailed:
                # the temporary file is gone if the call without an answer was carried out
                if unsure and await self._was_renamed(launch, temporary, path):
                    return True
                raise
            else:
                return renamed or (unsure and await self._was_renamed(launch, temporary, path))
        raise ServerGone from unanswered

    async def _was_renamed(self, launch: Launch, temporary: HomePath, path: HomePath) -> bool:
        """Whether an earlier call renamed the launch's notebook after all."""
        if not await self._is_ours(launch, path):
            return False
        await self._contents.delete(launch.server, temporary)  # uploaded again meanwhile
        return True

    async def _is_ours(self, launch: Launch, path: HomePath) -> bool:
        # the id is in the notebook's metadata, and cannot be chosen by a user
        return await self._contents.holds(launch.server, path, launch.id)

    async def _replace(self, launch: Launch, attempt: UploadState) -> HomePath:
        """Replace the file, after a checkpoint of it."""
        path = (*_directory(launch), _notebook(launch).filename)
        for _ in range(LEASE_POLLS):
            if await self._acquire(launch, path):
                break
            await asyncio.sleep(LEASE_POLL_SECONDS)
        else:
            raise FileExists(f"{'/'.join(path)} is being written by another launch.")
        kind = await self._contents.kind(launch.server, path)
        if kind == "directory":
            raise InTheWay(f"{'/'.join(path)} is a directory, which cannot be replaced.")
        try:
            before = await self._contents.make_checkpoint(launch.server, path) if kind else ""
            if not await self._store.run(launch_rows.is_mine, launch):
                raise NotOwned  # the file may be another worker's notebook, with later changes
            attempt.may_be_there = True
            await self._put(launch, path)
            if not await self._contents.shows(launch.server, path, _notebook(launch).content):
                await self._restore(launch, path, before)
        except Ambiguous as error:
            raise ServerGone from error
        return path

    async def _restore(self, launch: Launch, path: HomePath, checkpoint: str) -> None:
        """Restore what was replaced by a notebook that jupytext would not open; raises InTheWay."""
        if not checkpoint:
            await self._contents.delete(launch.server, path)
        elif not await self._contents.restore(launch.server, path, checkpoint):
            raise InTheWay(
                f"{'/'.join(path)} was replaced, but cannot be opened: jupytext pairs it with"
                " another text. Delete that text, then launch again."
            )
        raise InTheWay(
            f"{'/'.join(path)} was not replaced: jupytext pairs it with a text and would show that"
            " in its place, or refuse to open it. Delete that text, or choose if_exists: rename."
        )


def _acquire(connection: sa.Connection, launch: Launch, path: str) -> bool | None:
    """Acquire the lease of the path; None when the launch is not the caller's any more."""
    if not launch_rows.is_mine(connection, launch):
        return None
    return leases.acquire(connection, launch.server.user, path, launch.id)


def _is_held(connection: sa.Connection, launch: Launch, path: str) -> bool | None:
    """Whether some launch holds the path; None when the launch is not the caller's any more."""
    if not launch_rows.is_mine(connection, launch, for_update=False):
        return None
    return leases.is_held(connection, launch.server.user, path)
