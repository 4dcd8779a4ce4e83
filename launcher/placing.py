"""Puts a notebook into a home under a name that is free, and touches nothing that is there.

The notebook is written under a temporary name and then renamed: a rename refuses a name that is
taken. Two renames at the same moment can both succeed, so a lease of the name goes before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from launcher.contents import Ambiguous, Contents, ServerGone
from launcher.errors import ContentsFailed, FileExists, InTheWay, LauncherError
from launcher.store import Store, leases
from launcher.store import launches as rows
from launcher.store.launches import Launch

Path = tuple[str, ...]

MAX_TRIES = 200
MAX_LOOKS = 5
LEASE_POLL_SECONDS = 0.05
LEASE_POLLS = 400


@dataclass
class Attempt:
    """What the process that has a launch knows of it beside its row."""

    sure_until: float = 0.0
    """Until then, by the monotonic clock, the launch is ours and holds its first name."""
    may_be_there: bool = True
    """Whether the notebook may have been put into the home already."""


class NotOurs(Exception):
    """The launch was cancelled meanwhile, or another process has it."""


def candidate(filename: str, number: int) -> str:
    """The name to try after `number` others: experiment.ipynb, experiment-1.ipynb, …"""
    stem = filename.removesuffix(".ipynb")
    return f"{stem}-{number}.ipynb" if number else filename


def _temporary(launch: Launch) -> Path:
    # not made of the filename, which may be as long as the file system takes
    return (*launch.directory.split("/"), f"launcher-{launch.id}.part")


async def first_free(taken: Callable[[int], Awaitable[bool]], after: int) -> int:
    """A number above `after` that is not taken, in a logarithm of the calls that counting needs."""
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


class Placing:
    """Places notebooks with the contents API, under leases in the store."""

    def __init__(self, store: Store, contents: Contents) -> None:
        self._store = store
        self._contents = contents

    async def place(self, launch: Launch, attempt: Attempt) -> Path:
        """Where the launch's notebook is from now on; may be repeated after any failure.

        Raises ServerGone, NotOurs, FileExists, and what the contents API deserves.
        """
        if attempt.may_be_there and (path := await self._placed_before(launch)):
            return path
        if launch.if_exists == "replace":
            attempt.may_be_there = True
            return await self._replace(launch)
        directory = tuple(launch.directory.split("/"))
        temporary = _temporary(launch)
        try:
            await self._put(launch, temporary)
            return await self._name(launch, directory, temporary, attempt)
        except LauncherError:
            if await self._store.run(rows.is_mine, launch):
                await self._contents.delete(launch.user, temporary)
            raise

    async def tidy(self, launch: Launch) -> None:
        """Take back what a launch that was cancelled may have left in the home."""
        with suppress(ServerGone, LauncherError):
            # what was written over cannot be brought back; a checkpoint of it is there
            if launch.if_exists != "replace" and (path := await self._placed_before(launch)):
                await self._contents.delete(launch.user, path)
            await self._contents.delete(launch.user, _temporary(launch))
        await self._store.insist(rows.let_go, launch)

    async def _placed_before(self, launch: Launch) -> Path | None:
        """Where an earlier round left the notebook, though no answer told."""
        for text in await self._store.read(leases.paths, launch.id):
            path = tuple(text.split("/"))
            if await self._is_ours(launch, path):
                await self._contents.delete(launch.user, _temporary(launch))
                return path
        return None

    async def _put(self, launch: Launch, path: Path) -> None:
        """Write, again where no answer came: writing the same twice is harmless."""
        for _ in range(MAX_LOOKS):
            try:
                # a server that had to be started is often one that was never used
                return await self._contents.put_text(
                    launch.user, path, launch.content, directories_first=launch.rounds > 0
                )
            except Ambiguous:
                await asyncio.sleep(LEASE_POLL_SECONDS)
        raise ServerGone

    async def _name(
        self, launch: Launch, directory: Path, temporary: Path, attempt: Attempt
    ) -> Path:
        number = 0
        for _ in range(MAX_TRIES):
            path = (*directory, candidate(launch.filename, number))
            surely_held = number == 0 and time.monotonic() < attempt.sure_until
            if surely_held or await self._take(launch, path):
                attempt.may_be_there = True
                if await self._rename(launch, temporary, path):
                    return path
                await self._store.run(leases.release_path, launch.id, "/".join(path))
            if launch.if_exists == "fail":
                raise FileExists(f"{'/'.join(path)} exists, and if_exists is fail.")
            number = await first_free(
                lambda n: self._is_taken(launch.user, (*directory, candidate(launch.filename, n))),
                after=number,
            )
        raise ContentsFailed(f"No free name was found for {launch.filename}.")

    async def _take(self, launch: Launch, path: Path) -> bool:
        taken = await self._store.run(_take, launch, "/".join(path))
        if taken is None:
            raise NotOurs
        return taken

    async def _is_taken(self, user: str, path: Path) -> bool:
        if await self._store.read(leases.is_held, user, "/".join(path)):
            return True
        return await self._contents.exists(user, path)

    async def _rename(self, launch: Launch, temporary: Path, path: Path) -> bool:
        """Rename; after a call that no answer came to, look whether the file is this launch's."""
        unsure = False
        for _ in range(MAX_LOOKS):
            try:
                renamed = await self._contents.rename(launch.user, temporary, path)
            except Ambiguous:
                unsure = True
                await asyncio.sleep(LEASE_POLL_SECONDS)
            except ContentsFailed:
                # the temporary is gone when the unanswered call was carried out, or when a process
                # that was taken for dead went on after all
                if (unsure or launch.rounds) and await self._is_ours(launch, path):
                    return True
                raise
            else:
                return renamed or (unsure and await self._is_ours(launch, path))
        raise ServerGone

    async def _is_ours(self, launch: Launch, path: Path) -> bool:
        metadata = await self._contents.metadata(launch.user, path)
        ours = (metadata or {}).get("launcher")
        return isinstance(ours, dict) and ours.get("launch_id") == launch.id

    async def _replace(self, launch: Launch) -> Path:
        """Write over the file that is there, after a checkpoint of it."""
        path = (*launch.directory.split("/"), launch.filename)
        for _ in range(LEASE_POLLS):
            if await self._take(launch, path):
                break
            await asyncio.sleep(LEASE_POLL_SECONDS)
        else:
            raise FileExists(f"{'/'.join(path)} is being written by another launch.")
        kind = await self._contents.kind(launch.user, path)
        if kind == "directory":
            raise InTheWay(f"{'/'.join(path)} is a directory, which cannot be replaced.")
        if kind:
            await self._checkpoint(launch, path)
        await self._put(launch, path)
        return path

    async def _checkpoint(self, launch: Launch, path: Path) -> None:
        try:
            await self._contents.make_checkpoint(launch.user, path)
        except Ambiguous as error:
            raise ServerGone from error


def _take(connection: sa.Connection, launch: Launch, path: str) -> bool | None:
    """Whether the launch holds the path; None when it is not the caller's to go on with."""
    if not rows.is_mine(connection, launch):
        return None
    return leases.acquire(connection, launch.user, path, launch.id)
