"""The contents API of users' servers: directories, and notebooks that overwrite no file.

The code relies on the measured behaviour of jupyter_server, which its documentation does not
describe: a PUT overwrites silently, a rename (PATCH) refuses a name that is taken, a missing parent
directory is a 500. A user controls their server: its responses are untrusted, limited and checked.
"""

import asyncio
import json
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from launcher import outbound, urls
from launcher.contents import refusals
from launcher.contents.calls import Ambiguous, Calls
from launcher.contents.refusals import ServerError, ServerGone
from launcher.errors import (
    BadRequest,
    ContentsFailed,
    InsufficientStorage,
    InTheWay,
    LauncherError,
    NotFound,
    NotWritable,
    TooLarge,
    UploadRefused,
)
from launcher.outbound import OutboundError, Response
from launcher.server_ref import ServerRef
from launcher.urls import HomePath

__all__ = ["Ambiguous", "Contents", "OtherText", "ServerGone"]

# to remove a file that is not needed any more
DELETE_SECONDS = 10.0
# bytes of JSON for a byte of text that is read
_ESCAPED = 3


class OtherText(Exception):
    """The notebook was stored, and jupytext pairs it with an existing text file.

    If the text is older, jupytext refuses to open the notebook; otherwise it shows the text.
    """


@dataclass(frozen=True)
class Contents:
    """The files in users' homes, as their servers serve them."""

    calls: Calls
    home_path: str = ""
    """The home below the server's root, see urls.below_root. Paths are relative to the home."""

    async def put_text(
        self, server: ServerRef, path: HomePath, text: str, *, directories_first: bool = False
    ) -> datetime | None:
        """Write a file, replacing an existing one; creates missing directories.

        Returns the server's time of the change. `directories_first` is for directories that are
        most likely missing: the server then logs no failure. Raises ServerGone, Ambiguous,
        InsufficientStorage, NotWritable, ContentsFailed.
        """
        model = {"type": "file", "format": "text", "content": text}
        if directories_first:
            await self._make_directories(server, path[:-1])
        try:
            return await self._put(server, path, model)
        except ServerError as first:
            explained = refusals.explained(first)
            if isinstance(explained, InsufficientStorage):
                # a second attempt would leave the server's hidden backup of the first one for ever
                raise explained from first
            # most likely the directory is missing; if not, the second attempt has the same error
            await self._make_directories(server, path[:-1])
            try:
                return await self._put(server, path, model)
            except ServerError as error:
                raise refusals.explained(error) from error

    async def rename(
        self,
        server: ServerRef,
        source: HomePath,
        target: HomePath,
        text: str,
        written: datetime | None = None,
    ) -> bool:
        """Rename a file that has that `text` and was `written` then; False if the name is taken.

        The server refuses a name that exists; see `exists` for links that it replaces.
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
        # jupytext gives the notebook the time of the text file that it is paired with
        now = _last_modified(answer.json())
        if written and now and written != now and not await self.shows(server, target, text):
            raise OtherText
        return True

    async def exists(self, server: ServerRef, path: HomePath) -> bool:
        """Whether the name exists, in the Unicode form NFC or NFD. Raises ServerGone.

        True also for links that a rename would replace: a dangling link is found, and a link to
        itself or through a file is a 500.
        """
        return any([await self.kind(server, (*path[:-1], name)) for name in _spellings(path[-1])])

    async def kind(self, server: ServerRef, path: HomePath) -> str:
        """The type of the entry: file, notebook, directory, unknown, or '' without one.

        Raises ServerGone.
        """
        try:
            answer = await self._call("GET", server, path, query={"content": "0"})
        except Ambiguous as error:
            raise ServerGone from error
        except ServerError as error:
            if error.status != 500:
                raise refusals.explained(error) from error
            return "unknown"  # a name that does not exist is a 404
        if answer.status == 404:
            return ""
        if answer.status == 400 or refusals.message(answer).startswith("Permission denied"):
            return "unknown"
        self._expect(answer, (200,), server, path)
        return str(answer.json().get("type") or "unknown")

    async def find_directory(self, server: ServerRef, path: HomePath) -> HomePath:
        """The directory as it is spelled in the home: as requested, or in the Unicode form NFD.

        Raises ServerGone. A name that is the same in both forms needs no request.
        """
        found: tuple[str, ...] = ()
        for name in path:
            other = next((n for n in _spellings(name) if n != name), name)
            if other != name and not await self.kind(server, (*found, name)):
                name = other if await self.kind(server, (*found, other)) == "directory" else name
            found += (name,)
        return found

    async def holds(self, server: ServerRef, path: HomePath, text: str) -> bool:
        """Whether the file exists and contains the text (ASCII). Raises ServerGone."""
        query = {"content": "1", "type": "file", "format": "text"}
        try:
            answer = await self._call("GET", server, path, query=query, needle=text.encode())
        except Ambiguous as error:
            raise ServerGone from error
        except ServerError as error:
            raise refusals.explained(error) from error
        return answer.status == 200 and bool(answer.body)

    async def read_text(self, server: ServerRef, path: HomePath, most: int) -> str:
        """The text of a file of at most `most` bytes.

        Raises NotFound, TooLarge, BadRequest if it is no text, ServerGone, ContentsFailed.
        """
        shown = "/".join(path)
        query = {"content": "0"}
        about = await self._read(server, path, query, outbound.SHORT_BYTES)
        if about.get("type") == "directory":
            raise BadRequest(f"{shown} is a directory, not a file.")
        size = about.get("size")
        if isinstance(size, int) and size > most:
            raise _too_large(shown, most)
        query = {"content": "1", "type": "file", "format": "text"}
        # JSON escapes quotes, line breaks, and characters that are not ASCII
        model = await self._read(server, path, query, _ESCAPED * most + outbound.SHORT_BYTES)
        text = model.get("content")
        if not isinstance(text, str):
            raise refusals.no_contents_api()
        # `size` is what the user's server says
        if len(text.encode("utf-8", "replace")) > most:
            raise _too_large(shown, most)
        return text

    async def _read(
        self, server: ServerRef, path: HomePath, query: Mapping[str, str], most: int
    ) -> Mapping[str, Any]:
        """The model of a file; raises NotFound, and as `read_text` does."""
        try:
            answer = await self._call("GET", server, path, query=query, most=most)
        except Ambiguous as error:
            raise ServerGone from error
        except ServerError as error:
            raise refusals.explained(error) from error
        if answer.status == 404:
            raise NotFound(f"There is no file {'/'.join(path)} in your home.")
        if answer.status == 400:
            raise BadRequest(f"{'/'.join(path)} cannot be read as a text in UTF-8.")
        if refusals.message(answer).startswith("Permission denied"):
            raise BadRequest(f"{'/'.join(path)} cannot be read: permission denied.")
        if 400 <= answer.status < 500:
            raise refusals.refused_by_rule(answer)
        # to parse megabytes would block the other requests
        model = await asyncio.to_thread(_model_of, answer)
        if model.get("path") != "/".join(self._below_root(server, path)):
            raise refusals.no_contents_api()
        return model

    async def opened(self, server: ServerRef, most: int) -> frozenset[str]:
        """The paths of the notebooks with a running session, below the server's root.

        The answer is the user's own server's: it says what it likes. Raises ServerGone,
        ContentsFailed, HubRefused, HubUnavailable.
        """
        try:
            answer = await self.calls.sessions(server, most=most)
        except Ambiguous as error:
            raise ServerGone from error
        except ServerError as error:
            raise refusals.explained(error) from error
        try:
            found = answer.json() if answer.status == 200 and answer.is_json else None
        except OutboundError as error:
            raise refusals.no_contents_api() from error
        if not isinstance(found, list):
            raise refusals.no_contents_api()
        paths = (each.get("path") for each in found if isinstance(each, dict))
        return frozenset(path for path in paths if isinstance(path, str))

    def below_root(self, user: str, path: str) -> str:
        """A path below the home of a user as a path below the root of their server."""
        return "/".join((*urls.below_root(self.home_path, user), path))

    async def make_checkpoint(self, server: ServerRef, path: HomePath) -> str:
        """Make a checkpoint of the file; returns its id.

        Raises ServerGone, Ambiguous, InsufficientStorage, CheckpointFailed.
        """
        try:
            answer = await self._call("POST", server, path, action="checkpoints")
        except ServerError as error:
            why = refusals.explained(error)
            if isinstance(why, InsufficientStorage):
                raise InsufficientStorage(
                    "There is no space left for a checkpoint of the existing file, so it was not"
                    " replaced. Delete some files first."
                ) from error
            raise refusals.no_checkpoint(
                why.detail
                if isinstance(why, NotWritable | UploadRefused)
                else "It may not be a regular file, or its name may be too long."
            ) from error
        if 400 <= answer.status < 500:
            raise refusals.no_checkpoint(refusals.refused(answer, "Its directory").detail)
        try:
            if answer.status == 201:
                return str(answer.json()["id"])
        except (OutboundError, KeyError, TypeError):
            pass
        raise refusals.no_checkpoint("The server gave no reason.")

    async def restore(self, server: ServerRef, path: HomePath, checkpoint: str) -> bool:
        """Restore the file and its time from the checkpoint; False if that failed.

        Raises ServerGone, Ambiguous.
        """
        with suppress(ServerError):
            answer = await self._call("POST", server, path, action=f"checkpoints/{checkpoint}")
            return answer.status == 204
        return False

    async def delete(self, server: ServerRef, path: HomePath) -> None:
        """Remove a file; a failure, or no response within DELETE_SECONDS, is ignored."""
        try:
            async with asyncio.timeout(DELETE_SECONDS):
                await self._call("DELETE", server, path)
        except (ServerGone, Ambiguous, ServerError, LauncherError, TimeoutError):
            return  # a temporary file of the launcher stays in the home

    async def _make_directories(self, server: ServerRef, path: HomePath) -> None:
        for depth in range(1, len(path) + 1):
            try:
                await self._make_directory(server, path[:depth])
            except ServerError as error:
                why = refusals.explained(error)
                there = path[:depth]
                if error.message == "Unhandled error" and await self.kind(server, there):
                    why = InTheWay(f"{'/'.join(there)} exists, and is not a directory.")
                if self.home_path and not await self.kind(server, ()):
                    why = ContentsFailed(
                        "There is no directory c.Launcher.home_path below the root of the user's"
                        " server. The launcher's administrator has to correct the setting."
                    )
                raise why from error
            except NotWritable as error:
                if depth > 1 or self.home_path:
                    raise
                raise NotWritable(
                    f"{error.detail} If the server's root is not the home (notebook_dir or"
                    " root_dir is set), the launcher's administrator has to set"
                    " c.Launcher.home_path."
                ) from error

    async def _make_directory(self, server: ServerRef, path: HomePath) -> None:
        model = {"type": "directory"}
        try:
            await self._put(server, path, model)
        except ServerError:
            # of two concurrent requests one is a 500 "File exists", and succeeds when repeated
            await self._put(server, path, model)
        except UploadRefused:
            # a hook that accepts only *.ipynb refuses directories, even existing ones
            if await self.kind(server, path) != "directory":
                raise

    async def shows(self, server: ServerRef, path: HomePath, text: str) -> bool:
        """Whether the server shows the notebook with the cells of `text`.

        False if jupytext pairs the notebook with another text file. Raises ServerGone, Ambiguous.
        """
        query = {"content": "1", "type": "notebook"}
        most = 6 * len(text) + outbound.SHORT_BYTES  # JSON may escape each character
        with suppress(ServerError, ContentsFailed, OutboundError, TypeError, LookupError):
            answer = await self._call("GET", server, path, query=query, most=most)
            if answer.status == 200:
                return _sources(answer.json()["content"]) == _sources(json.loads(text))
        return False

    async def _put(
        self, server: ServerRef, path: HomePath, model: Mapping[str, Any]
    ) -> datetime | None:
        answer = await self._call("PUT", server, path, json=model)
        self._expect(answer, (200, 201), server, path)
        return _last_modified(answer.json())

    async def _call(
        self, method: str, server: ServerRef, path: HomePath, **options: Any
    ) -> Response:
        return await self.calls.call(method, server, self._below_root(server, path), **options)

    def _below_root(self, server: ServerRef, path: HomePath) -> HomePath:
        return (*urls.below_root(self.home_path, server.user), *path)

    def _expect(
        self, answer: Response, statuses: Sequence[int], server: ServerRef, path: HomePath
    ) -> None:
        """Raise an error unless status, media type and content are those of a success."""
        try:
            fits = answer.status in statuses and answer.is_json
            if fits and answer.json().get("path") == "/".join(self._below_root(server, path)):
                return
        except (OutboundError, AttributeError):
            pass
        if 400 <= answer.status < 500 and answer.status not in (404, 405):
            raise refusals.refused(answer, "/".join(path))
        raise refusals.no_contents_api(answer)


def _model_of(answer: Response) -> Mapping[str, Any]:
    """The model of a file in a response, empty for all others."""
    try:
        model = answer.json() if answer.status == 200 else {}
    except OutboundError as error:
        raise refusals.no_contents_api() from error
    return model if isinstance(model, dict) else {}


def _too_large(path: str, most: int) -> TooLarge:
    return TooLarge(f"{path} has more than {most // 2**20} MiB.")


def _sources(notebook: Any) -> list[str]:
    """The text of each cell; raises TypeError, LookupError if it is not a notebook."""
    return ["".join(cell["source"]).rstrip() for cell in notebook["cells"]]


def _last_modified(model: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(model["last_modified"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _spellings(name: str) -> tuple[str, ...]:
    """The name, and its form NFD if that is different."""
    return tuple(dict.fromkeys((name, unicodedata.normalize("NFD", name))))
