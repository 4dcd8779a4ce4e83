"""A user's server, through its contents API: directories, and notebooks that overwrite nothing.

What is where is told by measured answers of jupyter_server, not by its documentation: a PUT
overwrites silently, a rename (PATCH) refuses a name that is taken, a missing parent is a 500. The
server is its user's: whatever it answers is data, bounded and checked.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakValueDictionary

from launcher import outbound, urls
from launcher.errors import (
    ContentsFailed,
    HubRefused,
    HubUnavailable,
    InsufficientStorage,
    InTheWay,
    LauncherError,
    NameTooLong,
)
from launcher.outbound import Answer, AnswerTooLarge, Session, Unreachable

Path = Sequence[str]

# calls to one server at the same moment: one user's slow server holds no more connections
CALLS_PER_SERVER = 16
# of a notebook in which an id is looked for
MAX_NOTEBOOK_BYTES = 20 * 2**20
# of a file that is taken back: nobody waits longer for that
DELETE_SECONDS = 10.0

# what the calls of the contents API are counted as
_KINDS = {
    "GET": "contents.read",
    "PUT": "contents.put",
    "PATCH": "contents.rename",
    "POST": "contents.checkpoint",
    "DELETE": "contents.delete",
}
_GONE_STATUSES = frozenset({301, 302, 303, 307, 308, 424, 502, 503, 504})
# pages of the hub's, which answers where no server is routed
_GONE_PAGES = frozenset({401, 403, 404, 405})


class ServerGone(Exception):
    """The user's server is not there, or not reached yet: the hub has to start it."""


class Ambiguous(Exception):
    """No answer: the call may have been carried out, or may still be."""


class _TokenRefused(Exception):
    """The server does not accept the token that it was sent."""


class _ServerError(Exception):
    """The server's own 500; `message` is for classification, never for users."""

    def __init__(self, message: str) -> None:
        super().__init__("the user's server failed")
        self.message = message


class TokenSource(Protocol):
    """Where the token for a user's server comes from; see launcher.hub.tokens."""

    async def token_for(self, user: str) -> str:
        """A token that opens the user's server and nothing else."""

    def has_token(self, user: str) -> bool:
        """Whether it is at hand."""

    def prepare(self, user: str) -> None:
        """Have it made in the background."""

    def forget(self, user: str, token: str) -> None:
        """The server refused it."""


@dataclass(frozen=True)
class Contents:
    """The users' servers behind one proxy, each called with a token that opens it alone."""

    session: Session
    proxy_url: str
    tokens: TokenSource
    _slots: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)

    async def look_for_server(self, user: str) -> None:
        """Raise ServerGone when no server is routed; asks nobody when it was used lately.

        Sends no token: a server that is not there need not be tried with an upload.
        """
        if self.tokens.has_token(user):
            return
        url = urls.join(self.proxy_url, "user", user, "api")
        try:
            async with self._slot(user):
                answer = await outbound.fetch(self.session, "GET", url, kind="contents.probe")
        except Unreachable as error:
            raise ServerGone from error
        if answer.status in _GONE_STATUSES:
            raise ServerGone

    def prepare(self, user: str) -> None:
        """Have the token ready by the time that the user's server is."""
        self.tokens.prepare(user)

    async def put_text(
        self, user: str, path: Path, text: str, *, directories_first: bool = False
    ) -> None:
        """Write a file, over one that is there, with its directories made when missing.

        `directories_first` is for when they most likely are: the server then logs no failure.
        Raises ServerGone, Ambiguous and what a full or closed home deserves.
        """
        model = {"type": "file", "format": "text", "content": text}
        if directories_first:
            await self._make_directories(user, path[:-1])
        try:
            await self._put(user, path, model)
        except _ServerError as first:
            explained = _explained(first)
            if isinstance(explained, InsufficientStorage):
                # a second try leaves the server's hidden backup of the first, which stays for ever
                raise explained from first
            # most likely the directory is missing; else the second try says what it is
            await self._make_directories(user, path[:-1])
            try:
                await self._put(user, path, model)
            except _ServerError as error:
                raise _explained(error) from error

    async def rename(self, user: str, source: Path, target: Path) -> bool:
        """Give a file its name; False when the name is taken. Raises ServerGone, Ambiguous."""
        try:
            answer = await self._call("PATCH", user, source, json={"path": "/".join(target)})
        except _ServerError as error:
            raise _explained(error) from error
        if answer.status == 409:
            return False
        _expect(answer, (200,), target)
        return True

    async def exists(self, user: str, path: Path) -> bool:
        """Whether something has that name. Raises ServerGone."""
        return await self.kind(user, path) != ""

    async def kind(self, user: str, path: Path) -> str:
        """What has that name: file, notebook or directory, or ''. Raises ServerGone."""
        model = await self._read(user, path, {"content": "0"})
        return "" if model is None else str(model.get("type") or "file")

    async def holds(self, user: str, path: Path, text: str) -> bool:
        """Whether there is a file of that name that holds the text (ASCII). Raises ServerGone."""
        query = {"content": "1", "type": "file", "format": "text"}
        try:
            answer = await self._call("GET", user, path, query=query, needle=text.encode())
        except Ambiguous as error:
            raise ServerGone from error
        except _ServerError as error:
            raise _explained(error) from error
        return answer.status == 200 and bool(answer.body)

    async def make_checkpoint(self, user: str, path: Path) -> None:
        """Keep the file as it is now in a checkpoint of its own. Raises ServerGone, Ambiguous."""
        try:
            answer = await self._call("POST", user, path, action="checkpoints")
        except _ServerError as error:
            raise _explained(error) from error
        if answer.status != 201:
            raise ContentsFailed(
                "The server could not make a checkpoint of the file that is there."
            )

    async def delete(self, user: str, path: Path) -> None:
        """Remove a file, if the server lets us and answers within seconds."""
        try:
            async with asyncio.timeout(DELETE_SECONDS):
                await self._call("DELETE", user, path)
        except (ServerGone, Ambiguous, _ServerError, LauncherError, TimeoutError):
            return  # a file of ours that stays under its temporary name harms nobody

    async def _make_directories(self, user: str, path: Path) -> None:
        for depth in range(1, len(path) + 1):
            try:
                await self._make_directory(user, path[:depth])
            except _ServerError as error:
                raise _explained(error) from error

    async def _make_directory(self, user: str, path: Path) -> None:
        try:
            await self._put(user, path, {"type": "directory"})
        except _ServerError:
            # two at the same moment: one of them is a 500 "File exists", and fine when repeated
            await self._put(user, path, {"type": "directory"})

    async def _put(self, user: str, path: Path, model: Mapping[str, Any]) -> None:
        answer = await self._call("PUT", user, path, json=model)
        if answer.status in (400, 409):
            # "... is not a directory": a file stands where a directory is needed, or the reverse
            raise InTheWay(
                f"{'/'.join(path)} cannot be made: a file or directory of that name, or of one"
                " above it, is in the way."
            )
        _expect(answer, (200, 201), path)

    async def _read(self, user: str, path: Path, query: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            answer = await self._call("GET", user, path, query=query)
        except Ambiguous as error:
            raise ServerGone from error
        except _ServerError as error:
            raise _explained(error) from error
        if answer.status in (400, 404):
            # 400: what is there is no notebook
            return None if answer.status == 404 else {}
        _expect(answer, (200,), path)
        return answer.json()

    async def _call(
        self,
        method: str,
        user: str,
        path: Path,
        *,
        action: str = "",
        query: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        url = urls.join(self.proxy_url, "user", user, "api", "contents", *path)
        url = urls.join(url, action) if action else _told_from_action(url)
        url = urls.join(url, query=query)
        token = await self.tokens.token_for(user)
        try:
            return await self._call_with(token, method, user, url, **options)
        except _TokenRefused:
            # it ended early: the hub lost its database, or somebody revoked it
            self.tokens.forget(user, token)
        token = await self.tokens.token_for(user)
        try:
            return await self._call_with(token, method, user, url, **options)
        except _TokenRefused as error:
            self.tokens.forget(user, token)
            raise HubRefused(
                "The user's server does not accept the token that the hub made for it."
            ) from error

    async def _call_with(
        self, token: str, method: str, user: str, url: str, *, needle: bytes = b"", **options: Any
    ) -> Answer:
        if needle:
            options |= {"needle": needle, "most": MAX_NOTEBOOK_BYTES}
        headers = {"Authorization": f"token {token}"}
        try:
            async with self._slot(user):
                answer = await outbound.fetch(
                    self.session, method, url, kind=_KINDS[method], headers=headers, **options
                )
        except AnswerTooLarge as error:
            raise _no_contents_api() from error
        except Unreachable as error:
            raise (Ambiguous if error.sent else ServerGone) from error
        _raise_for_state(answer)
        return answer

    @asynccontextmanager
    async def _slot(self, user: str) -> AsyncIterator[None]:
        """One of the calls that may be under way to the user's server."""
        slot = self._slots.get(user)
        if slot is None:
            slot = self._slots[user] = asyncio.Semaphore(CALLS_PER_SERVER)
        async with slot:
            yield


def _told_from_action(url: str) -> str:
    # the contents API has routes …/checkpoints and …/trust, which hide directories of that name;
    # its router looks at the path before it is decoded
    return re.sub(r"/(c|t)(heckpoints|rust)$", lambda m: f"/%{ord(m[1]):02X}{m[2]}", url)


def _raise_for_state(answer: Answer) -> None:
    """Tell an answer of the contents API from one that says the server is gone."""
    message = _message(answer)
    if answer.status in _GONE_STATUSES:
        raise ServerGone
    if answer.status >= 400 and not answer.is_json:
        raise _of_a_page(answer.status)
    if answer.status == 500 and "Failed to connect to Hub API" in message:
        raise HubUnavailable("The hub does not answer at the moment.", retry_after=10)
    if answer.status >= 500:
        raise _ServerError(message)
    # what a server answers to a token that it does not know, to a change and to a look
    if answer.status in (401, 403) and ("_xsrf" in message or message in ("", "Forbidden")):
        raise _TokenRefused
    if answer.status in (401, 403):
        raise ContentsFailed("The user's server does not let the launcher write there.")


def _of_a_page(status: int) -> Exception:
    """What a page instead of JSON means: no server, or a proxy in between with limits."""
    if status in _GONE_PAGES or status >= 500:
        return ServerGone()
    if status == 413:
        return ContentsFailed(
            "A proxy in front of the user's server takes no request of that size (HTTP 413). Ask"
            " the hub's administrator to raise its limit, or send smaller parameters."
        )
    return ContentsFailed(
        f"Something in front of the user's server refused the notebook (HTTP {status}). Try again"
        " in a minute."
    )


def _message(answer: Answer) -> str:
    if answer.status < 400 or not answer.is_json:
        return ""
    try:
        return str(answer.json().get("message") or "")
    except (Unreachable, AttributeError):
        return ""


def _expect(answer: Answer, statuses: Sequence[int], path: Path) -> None:
    """Success is the status, the type and the content, never the status alone."""
    try:
        fits = answer.status in statuses and answer.is_json
        if fits and answer.json().get("path") == "/".join(path):
            return
    except (Unreachable, AttributeError):
        pass
    raise _no_contents_api()


def _no_contents_api() -> ContentsFailed:
    return ContentsFailed("The server gave an answer that no contents API gives.")


def _explained(error: _ServerError) -> LauncherError:
    """The server's 500 in words of ours: its message holds the absolute path of the home."""
    found = re.search(r"\[Errno ([0-9]{1,4})\]", error.message)
    number = int(found[1]) if found else 0
    if number in (28, 122):
        return InsufficientStorage(
            "There is no space left for the notebook. Delete something first."
        )
    if number == 36:
        return NameTooLong("The server's file system does not take a name of that length.")
    if number in (1, 13, 30):
        return ContentsFailed("The directory cannot be written to.")
    if number == 20 or "not a directory" in error.message.lower():
        return InTheWay("A file stands where the directory should be made.")
    return ContentsFailed("The server failed to write the notebook and gave no reason.")
