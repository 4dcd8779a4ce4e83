"""Puts a notebook into a home under a name that is free, and touches nothing that is there.

The notebook is written under a temporary name and then renamed: a rename refuses a name that is
taken, but replaces a link that leads nowhere, so a look goes before. Two renames at the same moment
can both succeed, so a lease of the name goes before, too.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from launcher.contents import Ambiguous, Contents, OtherText, ServerGone
from launcher.errors import ContentsFailed, FileExists, InTheWay, LauncherError
from launcher.store import Store, leases
from launcher.store import launches as rows
from launcher.store.launches import Launch, Notebook

Path = tuple[str, ...]

# whether a name is free is said by the user's server, which may say no for ever
MAX_NAMES = 100
# jupyter_server writes a name of 245 bytes and more, and then fails on its checkpoint
MAX_NAME_BYTES = 244
MAX_LOOKS = 5
LEASE_POLL_SECONDS = 0.05
LEASE_POLLS = 400


@dataclass
class UploadState:
    """What the process that has a launch knows of it beside its row."""

    sure_until: float = 0.0
    """Until then, by the monotonic clock, the launch is ours and holds its first name."""
    may_be_there: bool = True
    """Whether the notebook may have been put into the home already."""
    seconds: float = 0.0
    """How long the uploads took so far, those that found no server included."""


class NotOwned(Exception):
    """The launch was cancelled meanwhile, or another process has it."""


def candidate(filename: str, number: int) -> str:
    """The name to try after `number` others: experiment.ipynb, experiment-1.ipynb, …"""
    stem = filename.removesuffix(".ipynb")
    return f"{stem}-{number}.ipynb" if number else filename


def _temporary(launch: Launch, takeovers: int) -> Path:
    # not made of the filename, which may be as long as the file system takes; another one for each
    # process, because one that was taken for dead may go on; that of a notebook, because a
    # pre_save_hook may take nothing else
    number = f".{takeovers}" if takeovers else ""
    return (*_directory(launch), f"launcher-{launch.id}{number}.ipynb")


def _notebook(launch: Launch) -> Notebook:
    if launch.notebook is None:
        raise ValueError("a launch without a notebook uploads nothing")
    return launch.notebook


def _directory(launch: Launch) -> Path:
    return tuple(_notebook(launch).directory.split("/"))


async def first_free(taken: Callable[[int], Awaitable[bool]], after: int) -> int:
    """A number above `after` that is not taken, in a logarithm of the calls that counting needs.

    Ends when `taken` says so, or with what it raises.
    """
    low, step = after, 1
    while await taken(low + step):
        low, step = low + step, 2 * step
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if await taken(middle):
            low = middle
        else:
            high = middle
    return high


class Uploader:
    """Places notebooks with the contents API, under leases in the store."""

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store = store
        self._contents = contents

    async def upload(self, launch: Launch, attempt: UploadState) -> Path:
        """Where the launch's notebook is from now on; may be repeated after any failure.

        Raises ServerGone, NotOwned, FileExists, and what the contents API deserves.
        """
        if not launch.attempts:
            await self._contents.probe_unless_known(launch.server)
        wanted, launch = launch, await self._spelled(launch)
        if launch is not wanted:
            attempt.sure_until = 0.0  # that lease is of the other spelling
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
        """Take back what a launch that was cancelled may have left in the home."""
        if launch.notebook:
            await self._take_back(launch)
        await self._store.insist(rows.let_go, launch)

    async def _take_back(self, launch: Launch) -> None:
        with suppress(ServerGone, LauncherError):
            # what was written over cannot be brought back; a checkpoint of it is there
            if _notebook(launch).if_exists != "replace" and (
                path := await self._placed_before(launch)
            ):
                await self._contents.delete(launch.server, path)
            await self.discard(launch)

    async def require_server(self, launch: Launch) -> None:
        """Raise ServerGone when the launch's server does not run."""
        await self._contents.probe(launch.server)

    async def discard(self, launch: Launch) -> None:
        """Remove what an upload that is given up may have left under a temporary name."""
        with suppress(ServerGone, LauncherError):
            launch = await self._spelled(launch)
            await self._remove_temporaries(launch, launch.takeovers + 1)

    def prepare(self, launch: Launch) -> None:
        """Have the token of the launch's server made while the server starts."""
        self._contents.prepare(launch.server)

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
        """A look at the wanted name, which goes on while the notebook is written."""
        path = (*_directory(launch), _notebook(launch).filename)
        look = asyncio.create_task(self._contents.exists(launch.server, path))
        # nobody may ask what it found
        look.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            yield look
        finally:
            look.cancel()

    async def _remove_temporaries(self, launch: Launch, takeovers: int) -> None:
        """Remove the temporary files of the first processes that had the launch."""
        for earlier in range(takeovers):
            await self._contents.delete(launch.server, _temporary(launch, earlier))

    async def _placed_before(self, launch: Launch) -> Path | None:
        """Where an earlier round left the notebook, though no answer told."""
        for text in await self._store.read(leases.paths, launch.id):
            path = tuple(text.split("/"))
            if await self._is_ours(launch, path):
                await self.discard(launch)
                return path
        return None

    async def _put(self, launch: Launch, path: Path) -> datetime | None:
        """When it was written; again where no answer came: writing the same twice is harmless."""
        unanswered: Ambiguous | None = None
        for _ in range(MAX_LOOKS):
            try:
                # a server that had to be started is often one that was never used
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
        temporary: Path,
        attempt: UploadState,
        written: datetime | None,
        is_taken: Awaitable[bool],
    ) -> Path:
        """Rename the temporary file to a name that is free.

        `is_taken` says so of the wanted name; `written` is when the file was.
        """
        number, names = 0, _Names(launch)
        while True:
            path = names.path(number)
            surely_held = number == 0 and time.monotonic() < attempt.sure_until
            if surely_held or await self._take(launch, path):
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

    async def _take(self, launch: Launch, path: Path) -> bool:
        taken = await self._store.run(_take, launch, "/".join(path))
        if taken is None:
            raise NotOwned
        return taken

    async def _is_taken(self, launch: Launch, path: Path) -> bool:
        """Whether a launch holds the path, or the server says that something is there."""
        is_held = await self._store.read(_is_held, launch, "/".join(path))
        if is_held is None:
            raise NotOwned
        return is_held or await self._contents.exists(launch.server, path)

    async def _rename(
        self,
        launch: Launch,
        temporary: Path,
        path: Path,
        written: datetime | None,
        *,
        is_free: bool,
    ) -> bool:
        """Rename; after a call that no answer came to, look whether the file is this launch's."""
        # a call of an earlier round, or of a process that was taken for dead, may come late
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
                # the temporary is gone when the unanswered call was carried out
                if unsure and await self._was_renamed(launch, temporary, path):
                    return True
                raise
            else:
                return renamed or (unsure and await self._was_renamed(launch, temporary, path))
        raise ServerGone from unanswered

    async def _was_renamed(self, launch: Launch, temporary: Path, path: Path) -> bool:
        """Whether an earlier call gave the launch's notebook that name after all."""
        if not await self._is_ours(launch, path):
            return False
        await self._contents.delete(launch.server, temporary)  # written again meanwhile
        return True

    async def _is_ours(self, launch: Launch, path: Path) -> bool:
        # the id is in the notebook's metadata, and nobody can have chosen it
        return await self._contents.holds(launch.server, path, launch.id)

    async def _replace(self, launch: Launch, attempt: UploadState) -> Path:
        """Write over the file that is there, after a checkpoint of it."""
        path = (*_directory(launch), _notebook(launch).filename)
        for _ in range(LEASE_POLLS):
            if await self._take(launch, path):
                break
            await asyncio.sleep(LEASE_POLL_SECONDS)
        else:
            raise FileExists(f"{'/'.join(path)} is being written by another launch.")
        kind = await self._contents.kind(launch.server, path)
        if kind == "directory":
            raise InTheWay(f"{'/'.join(path)} is a directory, which cannot be replaced.")
        try:
            before = await self._contents.make_checkpoint(launch.server, path) if kind else ""
            if not await self._store.run(rows.is_mine, launch):
                raise NotOwned  # the file may hold another process's notebook, and changes since
            attempt.may_be_there = True
            await self._put(launch, path)
            if not await self._contents.shows(launch.server, path, _notebook(launch).content):
                await self._put_back(launch, path, before)
        except Ambiguous as error:
            raise ServerGone from error
        return path

    async def _put_back(self, launch: Launch, path: Path, checkpoint: str) -> None:
        """Take back a notebook that jupytext does not let anybody open; raises InTheWay."""
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


def _take(connection: sa.Connection, launch: Launch, path: str) -> bool | None:
    """Whether the launch holds the path; None when it is not the caller's to go on with."""
    if not rows.is_mine(connection, launch):
        return None
    return leases.acquire(connection, launch.server.user, path, launch.id)


def _is_held(connection: sa.Connection, launch: Launch, path: str) -> bool | None:
    """Whether some launch holds the path; None when the launch is not the caller's any more."""
    if not rows.is_mine(connection, launch, for_update=False):
        return None
    return leases.is_held(connection, launch.server.user, path)


class _Names:
    """The names that a launch may end with, of which only so many are looked at."""

    def __init__(self, launch: Launch) -> None:
        self._directory = _directory(launch)
        self._filename = _notebook(launch).filename
        self._left = MAX_NAMES

    def path(self, number: int) -> Path:
        """The path to try after `number` others; raises ContentsFailed after too many."""
        self._left -= 1
        name = candidate(self._filename, number)
        if self._left < 0 or len(name.encode("utf-8")) > MAX_NAME_BYTES:
            raise ContentsFailed(
                f"No free name was found for {self._filename}: the server says that each one is"
                " taken. Choose another name or directory."
            )
        return (*self._directory, name)
