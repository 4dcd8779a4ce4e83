"""A user's server, through its contents API: directories, and notebooks that overwrite nothing.

What is where is told by measured answers of jupyter_server, not by its documentation: a PUT
overwrites silently, a rename (PATCH) refuses a name that is taken, a missing parent is a 500.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from launcher.outbound import Answer, Session, Unreachable

Path = Sequence[str]

# what the calls of the contents API are counted as
_KINDS = {
    "GET": "contents.read",
    "PUT": "contents.put",
    "PATCH": "contents.rename",
    "POST": "contents.checkpoint",
    "DELETE": "contents.delete",
}
_GONE_STATUSES = frozenset({301, 302, 303, 307, 308, 424, 502, 503, 504})


class ServerGone(Exception):
    """The user's server is not there, or not reached yet: the hub has to start it."""


class Ambiguous(Exception):
    """No answer: the call may have been carried out, or may still be."""


class _ServerError(Exception):
    """The server's own 500; `message` is for classification, never for users."""

    def __init__(self, message: str) -> None:
        super().__init__("the user's server failed")
        self.message = message


@dataclass(frozen=True)
class Contents:
    """The users' servers behind one proxy, called with the launcher's own token."""

    session: Session
    proxy_url: str
    token: str

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

    async def metadata(self, user: str, path: Path) -> Mapping[str, Any] | None:
        """The metadata of a notebook, None when there is none. Raises ServerGone."""
        model = await self._read(user, path, {"content": "1", "type": "notebook"})
        content = (model or {}).get("content")
        metadata = content.get("metadata") if isinstance(content, dict) else None
        return metadata if isinstance(metadata, dict) else None

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
        """Remove a file, if the server lets us."""
        try:
            await self._call("DELETE", user, path)
        except (ServerGone, Ambiguous, _ServerError, LauncherError):
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
        json: Mapping[str, Any] | None = None,
    ) -> Answer:
        url = urls.join(self.proxy_url, "user", user, "api", "contents", *path)
        url = urls.join(url, action) if action else _told_from_action(url)
        url = urls.join(url, query=query)
        headers = {"Authorization": f"token {self.token}"}
        try:
            answer = await outbound.fetch(
                self.session, method, url, kind=_KINDS[method], json=json, headers=headers
            )
        except Unreachable as error:
            raise (Ambiguous if error.sent else ServerGone) from error
        _raise_for_state(answer)
        return answer


def _told_from_action(url: str) -> str:
    # the contents API has routes …/checkpoints and …/trust, which hide directories of that name;
    # its router looks at the path before it is decoded
    return re.sub(r"/(c|t)(heckpoints|rust)$", lambda m: f"/%{ord(m[1]):02X}{m[2]}", url)


def _raise_for_state(answer: Answer) -> None:
    """Tell an answer of the contents API from one that says the server is gone."""
    message = _message(answer)
    if answer.status in _GONE_STATUSES or (answer.status >= 400 and not answer.is_json):
        raise ServerGone
    if answer.status == 500 and "Failed to connect to Hub API" in message:
        raise HubUnavailable("The hub does not answer at the moment.", retry_after=10)
    if answer.status >= 500:
        raise _ServerError(message)
    if answer.status == 403 and "_xsrf" in message:
        # what a server answers to a token that the hub does not know
        raise HubRefused("The hub does not accept the launcher's token any more.")
    if answer.status in (401, 403):
        raise HubRefused("The launcher's token may not reach the users' servers (access:servers).")


def _message(answer: Answer) -> str:
    if answer.status < 400 or not answer.is_json:
        return ""
    try:
        return str(answer.json().get("message", ""))
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
    raise ContentsFailed("The server gave an answer that no contents API gives.")


def _explained(error: _ServerError) -> LauncherError:
    """The server's 500 in words of ours: its message holds the absolute path of the home."""
    found = re.search(r"\[Errno (\d+)\]", error.message)
    number = int(found.group(1)) if found else 0
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
