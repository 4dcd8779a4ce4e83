"""Keeps the output of users' servers, and gives it to the launcher.

The launcher may run on another machine, and has no right to read users' files: it asks the hub,
which knows it by the secret of the spawn hook. What is read depends on the names of a user and of
a server alone, never on a path in the request.
"""

import asyncio
import datetime
import fcntl
import hmac
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from jupyterhub import apihandlers
from tornado import web

from launcher.jupyterhub import adapters, keep_output
from launcher.jupyterhub.job_output import JobReader, Unreadable
from launcher.jupyterhub.log_folder import JobFile, LogFolder
from launcher.jupyterhub.log_lines import WINDOW_BYTES, Extent, choose, divide, run_of

log = logging.getLogger("jupyterhub.launcher")

MOST_LINES = 10_000
SECRET = "[secret]"  # noqa: S105 - what stands in place of one

Page = tuple[list[str], str]
"""Lines, and the position after them."""


class NotKept(Exception):
    """The output of the server is not kept; the message is a sentence."""


class ServerLogs:
    """The logs of all servers of a hub."""

    def __init__(self, secret: str, folder: "Path | None") -> None:
        """Without a folder, no output is kept."""
        self._secret = secret.encode()
        self._folder = LogFolder(folder) if folder else None
        self._jobs = JobReader()
        self._tokens: dict[tuple[str, str], str] = {}
        """The token of each server's last start, which its log must not show."""

    def __deepcopy__(self, memo: Any) -> "ServerLogs":
        """Itself: traitlets copies the values of settings."""
        return self

    def accepts(self, authorization: str) -> bool:
        """Whether the header Authorization has the secret of the hook."""
        return hmac.compare_digest(authorization.encode(), b"token " + self._secret)

    def begin(self, spawner: Any, target: Any) -> None:
        """Have the output of the next start kept; `target` is the spawner that starts the server.

        A start never fails because of its log.
        """
        if self._folder is None:
            return
        adapter = adapters.find(target) or adapters.Adapter("")
        user = spawner.user
        self._tokens[user.name, spawner.name] = spawner.api_token
        running = {name for name, each in user.spawners.items() if each.active}
        try:
            self._folder.prepare(user.name, running)
            self._folder.sweep(time.time())
            adapter.keep_output(target, self._folder.of(user.name, spawner.name))
        except OSError as error:
            log.error("The output of %s is not kept: %s", spawner._log_name, error)

    async def read(self, user: Any, server: str, most: int, after: str) -> Page:
        """The server's last lines, or those after a position; raises NotKept, Unreadable, OSError.

        `user` is the hub's.
        """
        if self._folder is None:
            raise NotKept(
                "This hub keeps no output of servers: `configure` was called with"
                " log_directory=None."
            )
        spawner = user.spawners[server]
        has_ended = not spawner.active
        own = self._folder.of(user.name, server)
        job = own.job()
        if job is not None and not _is_before(job.started, user.orm_user.created):
            lines, end = await self._read_job(job, most, after, has_ended=has_ended)
        else:
            created = user.orm_user.created
            read = asyncio.to_thread(_read_file, own.file, created, most, after, has_ended)
            found = await read
            if found is None:
                _check_kept(spawner)
                return [], ""
            lines, end = found
        token = self._tokens.get((user.name, server))
        return [line.replace(token, SECRET) if token else line for line in lines], end

    async def _read_job(self, job: JobFile, most: int, after: str, *, has_ended: bool) -> Page:
        if not job.path:
            raise NotKept(
                "The job's script does not say where its output goes. An administrator adds a line"
                " such as #SBATCH --output={{homedir}}/jupyterhub-%j.log."
            )
        if not job.prefix:
            raise NotKept(
                "The hub does not run commands as the users: its exec_prefix has no {username}. So"
                " it cannot read the output of their jobs."
            )
        size = await self._jobs.size(job.path, job.prefix)
        part = choose(Extent(run_of(job.started), 0, size), after)
        data = b""
        if part.begin < size:
            data = await self._jobs.read(job.path, job.prefix, part.begin, WINDOW_BYTES)
        return divide(part, data, most, has_ended=has_ended)


def _read_file(
    path: Path, created: "datetime.datetime | None", most: int, after: str, has_ended: bool
) -> "Page | None":
    """Lines of a log file; None if there is none of this user. Raises OSError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        with keep_output.locked(file, fcntl.LOCK_SH):
            found = keep_output.HEADER.match(os.pread(file, 200, 0))
            if found is None or _is_before(found[1].decode(), created):
                return None
            first = int(found[2])
            end = first + os.fstat(file).st_size - found.end()
            part = choose(Extent(run_of(found[1].decode()), first, end), after)
            data = os.pread(file, WINDOW_BYTES, found.end() + part.begin - first)
    finally:
        os.close(file)
    return divide(part, data, most, has_ended=has_ended)


def _is_before(started: str, created: "datetime.datetime | None") -> bool:
    """Whether another user had the name when the server was started."""
    then = datetime.datetime.fromisoformat(started).replace(tzinfo=None)
    return created is not None and then < created.replace(tzinfo=None)


def _check_kept(spawner: Any) -> None:
    """Raise NotKept if the output of such a spawner is not kept."""
    inner = getattr(spawner, "child_spawner", None) or spawner
    adapter = adapters.find(inner)
    if adapter is None or not adapter.keeps_output:
        raise NotKept(f"The output of servers is not kept for {type(inner).__name__}.")


class LogHandler(web.RequestHandler):
    """GET of the lines of a server's log, for the launcher alone."""

    logs: ServerLogs

    def initialize(self, logs: ServerLogs) -> None:
        """Tornado calls this with what stands beside the handler in the list of handlers."""
        self.logs = logs

    async def get(self, user_name: str, server: str = "") -> None:
        """Lines, and the position after them."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        if not self.logs.accepts(self.request.headers.get("Authorization", "")):
            return self._refuse(403, "This is for the launcher, with the secret of the spawn hook.")
        most = self.get_query_argument("max_lines", "250")
        if not (most.isascii() and most.isdigit() and 1 <= int(most[:9]) <= MOST_LINES):
            return self._refuse(400, f"max_lines must be a number from 1 to {MOST_LINES}.")
        user = self.settings["users"].get(user_name)
        if user is None or server not in {"", *user.orm_spawners}:
            return self._send({"lines": [], "next": ""})
        try:
            after = self.get_query_argument("after", "")
            lines, end = await self.logs.read(user, server, int(most), after)
        except (NotKept, Unreadable) as error:
            return self._refuse(501, str(error))
        except OSError as error:
            log.error("The log of a server of %s cannot be read: %s", user_name, error)
            return self._refuse(501, "The log cannot be read; the hub's log says why.")
        return self._send({"lines": lines, "next": end})

    def _refuse(self, status: int, sentence: str) -> None:
        self.set_status(status)
        self._send({"status": status, "message": sentence})

    def _send(self, body: "dict[str, Any]") -> None:
        self.finish(json.dumps(body))

    def _log(self) -> None:
        """Log failures only: pages ask every few seconds."""
        if self.get_status() >= 400:
            super()._log()


_PATHS = (r"/api/launcher/logs/([^/]+)/server", r"/api/launcher/logs/([^/]+)/servers/([^/]+)")


def serve_logs(logs: ServerLogs) -> None:
    """Add the handler to those of the hub's API, as batchspawner does.

    The setting extra_handlers would do the same, with a warning at each start of the hub.
    """
    handlers = apihandlers.default_handlers
    handlers[:] = [each for each in handlers if each[0] not in _PATHS]
    handlers.extend((path, LogHandler, {"logs": logs}) for path in _PATHS)
