"""A user's server, through its contents API: directories, and notebooks that overwrite nothing.

What is where is told by measured answers of jupyter_server, not by its documentation: a PUT
overwrites silently, a rename (PATCH) refuses a name that is taken, a missing parent is a 500. The
server is its user's: whatever it answers is data, bounded and checked.
"""

import asyncio
import json
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from weakref import WeakValueDictionary

from launcher import outbound, urls
from launcher.contents import refusals
from launcher.contents.refusals import GONE_STATUSES, ServerError, ServerGone, TokenRefused
from launcher.errors import (
    ContentsFailed,
    HubRefused,
    InsufficientStorage,
    InTheWay,
    LauncherError,
    NotWritable,
    UploadRefused,
)
from launcher.outbound import OutboundError, Response, ResponseTooLarge, Session
from launcher.server_ref import ServerRef

__all__ = ["Ambiguous", "Contents", "OtherText", "ServerGone"]

Path = Sequence[str]

# calls to one server at the same moment: one user's slow server holds no more connections
CALLS_PER_SERVER = 16
# of a notebook in which an id is looked for
MAX_NOTEBOOK_BYTES = 20 * 2**20
# of a file that is taken back: nobody waits longer for that
DELETE_SECONDS = 10.0

# Words of the contents API's own routes (…/checkpoints, …/checkpoints/<id>, …/trust), which hide
# directories of that name. Its router looks at the path before it is decoded.
_ROUTE_WORDS = ("checkpoints", "trust")

# what the calls of the contents API are counted as
_KINDS = {
    "GET": "contents.read",
    "PUT": "contents.put",
    "PATCH": "contents.rename",
    "POST": "contents.checkpoint",
    "DELETE": "contents.delete",
}


class Ambiguous(Exception):
    """No answer: the call may have been carried out, or may still be."""


class OtherText(Exception):
    """The notebook is there, and jupytext pairs it with a text that was there before.

    Who opens it is refused when the text is older, and else given the text.
    """


class TokenSource(Protocol):
    """Where the token for a user's server comes from; see launcher.hub.tokens."""

    async def token_for(self, server: ServerRef) -> str:
        """A token that opens the user's server and nothing else."""

    def has_token(self, server: ServerRef) -> bool:
        """Whether it is at hand."""

    def prepare(self, server: ServerRef) -> None:
        """Have it made in the background."""

    def forget(self, server: ServerRef, token: str) -> None:
        """The server refused it."""


@dataclass(frozen=True)
class Contents:
    """The users' servers behind one proxy, each called with a token that opens it alone."""

    session: Session
    proxy_url: str
    tokens: TokenSource
    home_path: str = ""
    """The home below the server's root, see urls.below_root; all paths here are below the home."""
    _slots: WeakValueDictionary[ServerRef, asyncio.Semaphore] = field(
        default_factory=WeakValueDictionary
    )

    async def probe(self, server: ServerRef) -> None:
        """Raise ServerGone when no server is routed. Sends no token."""
        url = urls.join(self.proxy_url, *server.url_segments, "api")
        try:
            async with self._slot(server):
                answer = await outbound.fetch(self.session, "GET", url, kind="contents.probe")
        except OutboundError as error:
            raise ServerGone from error
        if answer.status in GONE_STATUSES:
            raise refusals.gone(answer)

    async def probe_unless_known(self, server: ServerRef) -> None:
        """As `probe`, but without a call for a server that was used lately."""
        if not self.tokens.has_token(server):
            await self.probe(server)

    def prepare(self, server: ServerRef) -> None:
        """Have the token ready by the time that the user's server is."""
        self.tokens.prepare(server)

    async def put_text(
        self, server: ServerRef, path: Path, text: str, *, directories_first: bool = False
    ) -> datetime | None:
        """Write a file, over one that is there, with its directories made when missing.

        Returns when the server says that it was written. `directories_first` is for when they most
        likely are missing: the server then logs no failure. Raises ServerGone, Ambiguous and what a
        full or closed home deserves.
        """
        model = {"type": "file", "format": "text", "content": text}
        if directories_first:
            await self._make_directories(server, path[:-1])
        try:
            return await self._put(server, path, model)
        except ServerError as first:
            explained = refusals.explained(first)
            if isinstance(explained, InsufficientStorage):
                # a second try leaves the server's hidden backup of the first, which stays for ever
                raise explained from first
            # most likely the directory is missing; else the second try says what it is
            await self._make_directories(server, path[:-1])
            try:
                return await self._put(server, path, model)
            except ServerError as error:
                raise refusals.explained(error) from error

    async def rename(
        self,
        server: ServerRef,
        source: Path,
        target: Path,
        text: str,
        written: datetime | None = None,
    ) -> bool:
        """Give a file of that `text`, `written` then, its name; False when the name is taken.

        The server refuses a name that leads to something; see `exists` for what it replaces.
        Raises ServerGone, Ambiguous, OtherText.
        """
        body = {"path": "/".join(self._below_root(server, target))}
        try:
            answer = await self._call("PATCH", server, source, json=body)
        except ServerError as error:
            raise refusals.explained(error) from error
        if answer.status == 409:
            return False
        self._expect(answer, (200,), server, target)
        # jupytext gives the notebook the time of the text that it pairs it with
        now = _last_modified(answer.json())
        if written and now and written != now and not await self.shows(server, target, text):
            raise OtherText
        return True

    async def exists(self, server: ServerRef, path: Path) -> bool:
        """Whether something has that name, in either normal form of Unicode. Raises ServerGone.

        True for what a rename would replace, too: a link that leads nowhere is found, and one that
        leads to itself or through a file is a 500.
        """
        return any([await self.kind(server, (*path[:-1], name)) for name in _spellings(path[-1])])

    async def kind(self, server: ServerRef, path: Path) -> str:
        """What has that name: file, notebook, directory, unknown, or ''. Raises ServerGone."""
        try:
            answer = await self._call("GET", server, path, query={"content": "0"})
        except Ambiguous as error:
            raise ServerGone from error
        except ServerError as error:
            if error.status != 500:
                raise refusals.explained(error) from error
            return "unknown"  # what is not there is a 404
        if answer.status == 404:
            return ""
        if answer.status == 400 or refusals.message(answer).startswith("Permission denied"):
            return "unknown"
        self._expect(answer, (200,), server, path)
        return str(answer.json().get("type") or "unknown")

    async def find_directory(self, server: ServerRef, path: Path) -> Path:
        """The directory as it is spelled in the home: as asked for, or in Unicode's form NFD.

        Raises ServerGone. A name that is the same in both forms costs no call.
        """
        found: tuple[str, ...] = ()
        for name in path:
            other = next((n for n in _spellings(name) if n != name), name)
            if other != name and not await self.kind(server, (*found, name)):
                name = other if await self.kind(server, (*found, other)) == "directory" else name
            found += (name,)
        return found

    async def holds(self, server: ServerRef, path: Path, text: str) -> bool:
        """Whether there is a file of that name that holds the text (ASCII). Raises ServerGone."""
        query = {"content": "1", "type": "file", "format": "text"}
        try:
            answer = await self._call("GET", server, path, query=query, needle=text.encode())
        except Ambiguous as error:
            raise ServerGone from error
        except ServerError as error:
            raise refusals.explained(error) from error
        return answer.status == 200 and bool(answer.body)

    async def make_checkpoint(self, server: ServerRef, path: Path) -> str:
        """Keep the file as it is now in a checkpoint of its own, of which the id is returned.

        Raises ServerGone, Ambiguous, InsufficientStorage, CheckpointFailed.
        """
        try:
            answer = await self._call("POST", server, path, action="checkpoints")
        except ServerError as error:
            why = refusals.explained(error)
            if isinstance(why, InsufficientStorage):
                raise InsufficientStorage(
                    "There is no space left for a checkpoint of the file that is there, so it was"
                    " not replaced. Delete something first."
                ) from error
            raise refusals.no_checkpoint(
                why.detail
                if isinstance(why, NotWritable | UploadRefused)
                else "It may be no regular file, or have a name that is too long."
            ) from error
        if 400 <= answer.status < 500:
            raise refusals.no_checkpoint(refusals.refused(answer, "Its directory").detail)
        try:
            if answer.status == 201:
                return str(answer.json()["id"])
        except (OutboundError, KeyError, TypeError):
            pass
        raise refusals.no_checkpoint("The server gave no reason.")

    async def restore(self, server: ServerRef, path: Path, checkpoint: str) -> bool:
        """Make the file again what it was at the checkpoint, its time too; False when it failed.

        Raises ServerGone, Ambiguous.
        """
        with suppress(ServerError):
            answer = await self._call("POST", server, path, action=f"checkpoints/{checkpoint}")
            return answer.status == 204
        return False

    async def delete(self, server: ServerRef, path: Path) -> None:
        """Remove a file, if the server lets us and answers within seconds."""
        try:
            async with asyncio.timeout(DELETE_SECONDS):
                await self._call("DELETE", server, path)
        except (ServerGone, Ambiguous, ServerError, LauncherError, TimeoutError):
            return  # a file of ours that stays under its temporary name harms nobody

    async def _make_directories(self, server: ServerRef, path: Path) -> None:
        for depth in range(1, len(path) + 1):
            try:
                await self._make_directory(server, path[:depth])
            except ServerError as error:
                why = refusals.explained(error)
                there = path[:depth]
                if error.message == "Unhandled error" and await self.kind(server, there):
                    why = InTheWay(f"{'/'.join(there)} is there, and is no directory.")
                if self.home_path and not await self.kind(server, ()):
                    why = ContentsFailed(
                        "The home directory is not where c.Launcher.home_path says, below the root"
                        " of the user's server. The launcher's administrator can mend that."
                    )
                raise why from error
            except NotWritable as error:
                if depth > 1 or self.home_path:
                    raise
                raise NotWritable(
                    f"{error.detail} If the server's root is not the home (notebook_dir or"
                    " root_dir is set), the launcher's administrator sets c.Launcher.home_path."
                ) from error

    async def _make_directory(self, server: ServerRef, path: Path) -> None:
        model = {"type": "directory"}
        try:
            await self._put(server, path, model)
        except ServerError:
            # two at the same moment: one of them is a 500 "File exists", and fine when repeated
            await self._put(server, path, model)
        except UploadRefused:
            # a hook that takes *.ipynb only refuses directories, those that are there too
            if await self.kind(server, path) != "directory":
                raise

    async def shows(self, server: ServerRef, path: Path, text: str) -> bool:
        """Whether who opens the notebook is given the cells of `text`.

        It is not so where jupytext pairs the notebook with another text. Raises ServerGone,
        Ambiguous.
        """
        query = {"content": "1", "type": "notebook"}
        most = 6 * len(text) + outbound.SHORT_BYTES  # JSON may escape each character
        with suppress(ServerError, ContentsFailed, OutboundError, TypeError, LookupError):
            answer = await self._call("GET", server, path, query=query, most=most)
            if answer.status == 200:
                return _sources(answer.json()["content"]) == _sources(json.loads(text))
        return False

    async def _put(
        self, server: ServerRef, path: Path, model: Mapping[str, Any]
    ) -> datetime | None:
        answer = await self._call("PUT", server, path, json=model)
        self._expect(answer, (200, 201), server, path)
        return _last_modified(answer.json())

    def _below_root(self, server: ServerRef, path: Path) -> Path:
        return (*urls.below_root(self.home_path, server.user), *path)

    def _expect(
        self, answer: Response, statuses: Sequence[int], server: ServerRef, path: Path
    ) -> None:
        """Success is the status, the type and the content, never the status alone."""
        try:
            fits = answer.status in statuses and answer.is_json
            if fits and answer.json().get("path") == "/".join(self._below_root(server, path)):
                return
        except (OutboundError, AttributeError):
            pass
        if 400 <= answer.status < 500 and answer.status not in (404, 405):
            raise refusals.refused(answer, "/".join(path))
        raise refusals.no_contents_api(answer)

    async def _call(
        self,
        method: str,
        server: ServerRef,
        path: Path,
        *,
        action: str = "",
        query: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Response:
        url = urls.join(self.proxy_url, *server.url_segments, "api", "contents")
        for name in self._below_root(server, path):
            url = _with_name(url, name)
        url = urls.join(url, *action.split("/") if action else (), query=query)
        token = await self.tokens.token_for(server)
        try:
            return await self._call_with(token, method, server, url, **options)
        except TokenRefused:
            # it ended early: the hub lost its database, or somebody revoked it
            self.tokens.forget(server, token)
        token = await self.tokens.token_for(server)
        try:
            return await self._call_with(token, method, server, url, **options)
        except TokenRefused as error:
            if method != "GET" and await self._accepts(token, server):
                raise UploadRefused(
                    "The user's server refuses the notebook (HTTP 403) without a reason. A"
                    " pre_save_hook may do so."
                ) from error
            self.tokens.forget(server, token)
            raise HubRefused(
                "The user's server does not accept the token that the hub made for it."
            ) from error

    async def _call_with(
        self,
        token: str,
        method: str,
        server: ServerRef,
        url: str,
        *,
        needle: bytes = b"",
        **options: Any,
    ) -> Response:
        if needle:
            options |= {"needle": needle, "most": MAX_NOTEBOOK_BYTES}
        options["headers"] = {"Authorization": f"token {token}"}
        answer = await self._fetch(method, server, url, **options)
        if refusals.may_be_blocked(answer) and await self._answers(server):
            # once more: its route may be new
            answer = await self._fetch(method, server, url, **options)
            if refusals.may_be_blocked(answer):
                raise refusals.blocked(answer, method)
        refusals.raise_for_state(answer)
        return answer

    async def _fetch(self, method: str, server: ServerRef, url: str, **options: Any) -> Response:
        try:
            async with self._slot(server):
                return await outbound.fetch(
                    self.session, method, url, kind=_KINDS[method], **options
                )
        except ResponseTooLarge as error:
            raise refusals.no_contents_api() from error
        except OutboundError as error:
            raise (Ambiguous if error.sent else ServerGone) from error

    async def _answers(self, server: ServerRef) -> bool:
        """Whether the server answers to who has no token."""
        url = urls.join(self.proxy_url, *server.url_segments, "api")
        with suppress(OutboundError):
            async with self._slot(server):
                answer = await outbound.fetch(self.session, "GET", url, kind="contents.probe")
            return answer.status == 200 and answer.is_json
        return False

    async def _accepts(self, token: str, server: ServerRef) -> bool:
        """Whether the server answers a look at the home with that token."""
        url = urls.join(
            self.proxy_url, *server.url_segments, "api", "contents", query={"content": "0"}
        )
        try:
            return (await self._call_with(token, "GET", server, url)).status == 200
        except (TokenRefused, ServerError):
            return False

    @asynccontextmanager
    async def _slot(self, server: ServerRef) -> AsyncIterator[None]:
        """One of the calls that may be under way to the user's server."""
        slot = self._slots.get(server)
        if slot is None:
            slot = self._slots[server] = asyncio.Semaphore(CALLS_PER_SERVER)
        async with slot:
            yield


def _with_name(url: str, name: str) -> str:
    """The URL with a name of a path behind it, which no route of the contents API takes for its."""
    if name not in _ROUTE_WORDS:
        return urls.join(url, name)
    return f"{url}/%{ord(name[0]):02X}{name[1:]}"


def _sources(notebook: Any) -> list[str]:
    """The text of each cell; raises TypeError, LookupError when it is no notebook."""
    return ["".join(cell["source"]).rstrip() for cell in notebook["cells"]]


def _last_modified(model: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(model["last_modified"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _spellings(name: str) -> tuple[str, ...]:
    """The name, and the same in the other normal form of Unicode where that differs."""
    return tuple(dict.fromkeys((name, unicodedata.normalize("NFD", name))))
