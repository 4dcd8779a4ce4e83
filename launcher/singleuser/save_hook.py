"""Reports each saved notebook to the launcher, from a Jupyter Server (2.x, or notebook's).

The file needs Python 3.10, imports nothing of the launcher, and may be copied: then its module is
`save_hook` in place of `launcher.singleuser.save_hook`. There are two ways to use it.

1. In jupyter_server_config.py, after the lines that set another post_save_hook:

       from launcher.singleuser import save_hook
       save_hook.configure(c)

   The other hook is kept and called first. Each configuration file has a `c` of its own, so a hook
   that another file sets is not seen: it takes the place of this one, or this one takes its place.

2. As a server extension, which coexists with any post_save_hook (Jupyter Server 2.0):

       c.ServerApp.jpserver_extensions = {"launcher.singleuser.save_hook": True}

   or, in a file /etc/jupyter/jupyter_server_config.d/launcher.json:

       {"ServerApp": {"jpserver_extensions": {"launcher.singleuser.save_hook": true}}}

LAUNCHER_URL and JUPYTERHUB_API_TOKEN in the environment are needed; without them nothing happens.
LAUNCHER_MAX_NOTEBOOK is the size in bytes, compressed, up to which a notebook is sent (default
10 MiB).

How a save is reported
----------------------
Jupyter Server calls a post-save hook on its event loop, with async contents managers, too, and
answers a save with status 500 if the hook raises. So the hook only writes a small file to
`<jupyter data dir>/launcher-saves/`, and never raises. A thread sends the notebook as it is then;
while the launcher is away, the thread tries again, and so does the next server of the user.

What is not reported
--------------------
The temporary files of the launcher, to which it uploads a notebook, are ignored.

A participant keeps a notebook private with a name that begins with `private`, or with a cell that
is tagged `private` (in any case). The launcher is then told to delete its copies of this path. A
notebook that was renamed has another path: copies under the earlier one stay.

If the tags cannot be read (the file is broken, deleted, or over 64 MiB), the save is reported
without the content. Of a notebook that was private at its last readable save, nothing is reported
then. The hook remembers this for the last 1000 private notebooks, with an empty file for each of
them in `launcher-saves`, which outlasts the server.
"""

import base64
import errno
import functools
import hashlib
import json
import os
import pkgutil
import re
import secrets
import ssl
import stat
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

MAX_FILE = 64 * 2**20
MAX_NOTEBOOK = 10 * 2**20  # compressed
MAX_ENTRY = 64 * 1024
MAX_ANSWER = 64 * 1024
MAX_WITHDRAWN = 1000
MAX_DETAIL = 200
# of 2.6 MB of source and text: 1 needs 21 ms and leaves 33 %, 4: 33 ms, 30 %, 6: 50 ms, 29 %
LEVEL = 4
CHUNK = 2**20
SECONDS_PER_CALL = 10
MAX_PAUSE = 60
MAX_RETRY_AFTER = 300
STALE_SECONDS = 3600  # of temporary files of a server that was killed
TRAIT = "post_save_hook"
MARK = "_reports_saves_to_the_launcher"
# what the launcher uploads a notebook to, before it renames it
TEMPORARY = re.compile(r"launcher-[0-9a-f]{32}(\.[0-9]+)?\.ipynb")
# beside 3xx and 5xx, what may change without another request: 408 Request Timeout, 425 Too Early
TRY_AGAIN = (401, 403, 408, 425, 429)

Hook = Callable[..., Any]


class HookUnconfigured(Exception):
    """Saves cannot be reported; the text is a sentence for the administrator."""


class SaveKept(Exception):
    """The launcher took no report now; the text says why."""

    def __init__(self, why: str, retry_after: float = 0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class SaveRefused(Exception):
    """The launcher will never take this report; the text has its status and its reason."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"status {status}: {detail}" if detail else f"status {status}")
        self.status = status


# -------------------------------------------------------------------- how a server uses it


def configure(c: Any) -> None:
    """Set the hook in the configuration of a server, beside the hooks that are set in it."""
    reporter = _reporter()
    if reporter is None:
        return
    # one that is set to None would hide that of ContentsManager
    sections = [name for name, section in c.items() if _sets_hook(section)]
    for name in {"ContentsManager", *sections}:
        other = _resolved(c[name][TRAIT]) if _sets_hook(c[name]) else None
        if other is None or (callable(other) and not getattr(other, MARK, False)):
            c[name][TRAIT] = _hook(reporter, other)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    """Register the hook with the contents manager of a server."""
    manager = serverapp.contents_manager
    if getattr(getattr(manager, TRAIT, None), MARK, False):
        return
    if not hasattr(manager, "register_post_save_hook"):
        log("Saves are not reported: this contents manager registers no hooks. Use configure(c).")
        return
    reporter = _reporter()
    if reporter is not None:
        manager.register_post_save_hook(_hook(reporter))


def _sets_hook(section: Any) -> bool:
    return isinstance(section, Mapping) and TRAIT in section


def _resolved(other: Any) -> Any:
    """The hook that an import string names; the string if there is none: the server reports it."""
    if isinstance(other, str):
        with suppress(ImportError, AttributeError, ValueError):
            return pkgutil.resolve_name(other)
    return other


def _hook(reporter: "SaveReporter", other: "Hook | None" = None) -> Hook:
    """A post-save hook that calls the other one, and reports the save whatever that does."""

    def post_save(*arguments: Any, **named: Any) -> Any:
        try:
            return None if other is None else other(*arguments, **named)
        finally:
            # all arguments are passed by keyword (documentation of `post_save_hook`)
            reporter.saved(named.get("model"), named.get("os_path"))

    hook = post_save if other is None else functools.wraps(other)(post_save)
    vars(hook)[MARK] = True
    return hook


def _reporter() -> "SaveReporter | None":
    try:
        reporter = _reporter_of(HookSettings.from_environment())
    except HookUnconfigured as error:
        log(f"Saves are not reported: {error}")
        return None
    reporter.resume()
    return reporter


@functools.cache
def _reporter_of(settings: "HookSettings") -> "SaveReporter":
    """The one reporter of this process."""
    return SaveReporter(settings)


@dataclass(frozen=True)
class HookSettings:
    """Where saves are reported to."""

    url: str
    token: str = field(repr=False)
    folder: Path
    """Of the saves that are not delivered yet."""
    max_notebook: int = MAX_NOTEBOOK
    """Bytes, compressed."""

    @classmethod
    def from_environment(cls) -> "HookSettings":
        """Read the settings; raises HookUnconfigured."""
        environment = os.environ
        url, token = environment.get("LAUNCHER_URL"), environment.get("JUPYTERHUB_API_TOKEN")
        if not url or not token:
            raise HookUnconfigured("LAUNCHER_URL or JUPYTERHUB_API_TOKEN is not set.")
        _check_url(url)
        folder = _jupyter_data_dir(environment) / "launcher-saves"
        return cls(url.rstrip("/"), token, folder, _max_notebook(environment))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isascii() or re.search(r"[\s@?#]", url):
        raise HookUnconfigured("LAUNCHER_URL must be http(s)://host/path, without credentials.")


def _max_notebook(environment: Mapping[str, str]) -> int:
    text = environment.get("LAUNCHER_MAX_NOTEBOOK") or str(MAX_NOTEBOOK)
    if not re.fullmatch("[0-9]{1,12}", text):
        raise HookUnconfigured("LAUNCHER_MAX_NOTEBOOK must be a number of bytes.")
    return int(text)


def _jupyter_data_dir(environment: Mapping[str, str]) -> Path:
    """As jupyter_core.paths.jupyter_data_dir does on Linux."""
    if folder := environment.get("JUPYTER_DATA_DIR"):
        return Path(folder).absolute()
    shared = environment.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(shared).absolute() / "jupyter"


# ------------------------------------------------------------------------------- the spool


@dataclass(frozen=True)
class SpooledSave:
    """A save that is not delivered yet; the fields are those of its file in the spool."""

    path: str
    """As in the contents API, without a leading slash."""
    os_path: str
    timestamp: str
    nonce: str

    @property
    def filename(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]

    @property
    def entry(self) -> str:
        """The name of its file in the spool: one for each path."""
        return _hash(self.path) + ".json"

    @classmethod
    def now(cls, path: str, os_path: str) -> "SpooledSave":
        """A save of this moment."""
        moment = datetime.now(timezone.utc)  # noqa: UP017 (Python 3.10)
        timestamp = moment.isoformat(timespec="microseconds")
        return cls(path, os.path.abspath(os_path), timestamp, secrets.token_hex(16))

    @classmethod
    def from_json(cls, content: bytes) -> "SpooledSave":
        """Read an entry; raises ValueError, which says what is wrong."""
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ValueError("not JSON") from error
        names = ("path", "os_path", "timestamp", "nonce")
        if not isinstance(value, dict) or not all(isinstance(value.get(n), str) for n in names):
            raise ValueError("a field is missing")
        if not os.path.isabs(value["os_path"]) or "\0" in value["os_path"]:
            raise ValueError("os_path is not absolute")
        return cls(*(value[name] for name in names))


def _hash(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()


class SaveSpool:
    """The folder of saves that are not delivered yet. Other servers of the user have it, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, save: SpooledSave) -> None:
        """Write an entry in place of the one for the same path; raises OSError."""
        # without fsync: what a crash of the machine leaves empty is removed by the next start
        content = json.dumps(asdict(save)).encode()
        new = self._folder / f".{save.nonce}.new"
        try:
            _write_new(new, content)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(new, content)
        try:
            os.replace(new, self._folder / save.entry)
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def remove(self, save: SpooledSave) -> None:
        """Remove the entry of a save, unless it is of another save meanwhile."""
        place = self._folder / save.entry
        # ValueError: another server of the user wrote what is no entry
        with suppress(OSError, ValueError):
            if SpooledSave.from_json(_start_of_file(place)).nonce == save.nonce:
                place.unlink()

    def is_empty(self) -> bool:
        """Whether there is no entry."""
        return next(self._names(), None) is None

    def load(self) -> Iterator[SpooledSave]:
        """Yield the entries, and remove what is none."""
        for name in list(self._names()):
            try:
                save = SpooledSave.from_json(_start_of_file(self._folder / name))
                if save.entry != name:
                    raise ValueError("it is of another path")
            except FileNotFoundError:
                continue  # another server delivered it
            except OSError as error:
                log(f"{name} in launcher-saves cannot be read: {_kind(error)}.")
            except ValueError as error:
                log(f"{name} in launcher-saves is removed: {error}.")
                with suppress(OSError):
                    os.unlink(self._folder / name)
            else:
                yield save

    def clean(self) -> None:
        """Remove temporary files of servers that were killed."""
        with suppress(OSError):
            for entry in list(os.scandir(self._folder)):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if re.fullmatch(r"\.[0-9a-f]{32}\.new", entry.name) and age > STALE_SECONDS:
                    os.unlink(entry.path)

    def _names(self) -> Iterator[str]:
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if re.fullmatch(r"[0-9a-f]{64}\.json", entry.name):
                    yield entry.name


class WithdrawnPaths:
    """The paths of private notebooks: an empty file in the spool's folder for each of them.

    Other servers of the user have them, too. What cannot be written is kept in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unwritten: dict[str, bool] = {}

    def __contains__(self, path: str) -> bool:
        is_known = self._unwritten.get(path)
        return os.path.lexists(self._mark(path)) if is_known is None else is_known

    def add(self, path: str) -> None:
        """Remember a path, or that it is used again, and forget the oldest of too many."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _touch(self._mark(path))
            self._unwritten.pop(path, None)
            self._forget_oldest()
        except OSError:
            self._unwritten[path] = True

    def discard(self, path: str) -> None:
        """Forget a path."""
        try:
            self._mark(path).unlink(missing_ok=True)
            self._unwritten.pop(path, None)
        except OSError:
            self._unwritten[path] = False

    def _mark(self, path: str) -> Path:
        return self._folder / f"{_hash(path)}.private"

    def _forget_oldest(self) -> None:
        with os.scandir(self._folder) as entries:
            marks = [each for each in entries if re.fullmatch(r"[0-9a-f]{64}\.private", each.name)]
        if len(marks) > MAX_WITHDRAWN:
            marks.sort(key=lambda mark: mark.stat(follow_symlinks=False).st_mtime)
            for mark in marks[:-MAX_WITHDRAWN]:
                os.unlink(mark.path)


def _touch(place: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    opened = os.open(place, flags, 0o600)
    try:
        os.utime(opened)
    finally:
        os.close(opened)


def _write_new(place: Path, content: bytes) -> None:
    opened = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            written = os.write(opened, content)
        finally:
            os.close(opened)
        if written != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        place.unlink(missing_ok=True)
        raise


def _start_of_file(place: Path) -> bytes:
    """An entry; raises OSError, and ValueError if it is too large or not a regular file."""
    try:
        content, size = _read(str(place), MAX_ENTRY, os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise ValueError("it is a link") from error
    if content is None:
        raise ValueError("it is too large" if size else "it is not a regular file")
    return content


# --------------------------------------------------------------------------- the notebooks


def _read(os_path: str, most: int, flags: int = 0) -> "tuple[bytes | None, int]":
    """Content and size of a file; no content of one that is too large or not regular (size 0)."""
    # a named pipe is opened without a wait, and a terminal does not become that of this process
    opened = os.open(os_path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | flags)
    try:
        facts = os.fstat(opened)
        if not stat.S_ISREG(facts.st_mode):
            return None, 0
        if facts.st_size > most:
            return None, facts.st_size
        with open(opened, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(opened)
    return (content, len(content)) if len(content) <= most else (None, len(content))


def _is_tagged(content: bytes) -> "bool | None":
    """Whether a cell is tagged `private`; None if the notebook cannot be parsed."""
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return any(_has_tag(cell) for cell in cells) if isinstance(cells, list) else False


def _has_tag(cell: Any) -> bool:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return isinstance(tags, list) and any(
        isinstance(tag, str) and tag.strip().lower() == "private" for tag in tags
    )


def _compressed(content: bytes, most: int) -> "bytes | None":
    """The content as gzip (RFC 1952) without a time; None if it is more than that."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    parts, size = [], 0
    for start in range(0, len(content), CHUNK):
        parts.append(packer.compress(content[start : start + CHUNK]))
        size += len(parts[-1])
        if size > most:
            return None
    packed = b"".join([*parts, packer.flush()])
    return packed if len(packed) <= most else None


@dataclass(frozen=True)
class NotebookNow:
    """A notebook's file at the time of delivery."""

    size: int = 0
    packed: "bytes | None" = None
    is_tagged: "bool | None" = None
    """Whether a cell is tagged `private`; None if the tags cannot be read."""

    @classmethod
    def of_file(cls, os_path: str, most: int) -> "NotebookNow":
        """Read a file; one whose tags cannot be read, or are private, has no content."""
        try:
            content, size = _read(os_path, MAX_FILE)
        except OSError:
            return cls()
        if content is None:
            return cls(size)
        tagged = _is_tagged(content)
        return cls(size, _compressed(content, most) if tagged is False else None, tagged)


# ---------------------------------------------------------------------------- the launcher


class SaveCalls:
    """Calls to the launcher with the server's own token."""

    def __init__(self, settings: HookSettings) -> None:
        self._target = urlsplit(settings.url)
        self._token = settings.token
        self._certificates: ssl.SSLContext | None = None

    def post(self, address: str, body: Sequence[bytes]) -> None:
        """Post the parts of a JSON body; raises SaveKept, SaveRefused. No redirect is followed."""
        connection = None
        try:
            connection = self._connection(self._target)
            status, headers, content = self._exchange(connection, address, body)
        except (OSError, HTTPException, ValueError) as error:
            # new certificates may lie there at the next call
            self._certificates = None
            # only the kind: the text of an error about a header has the header
            raise SaveKept(f"it cannot be reached ({_kind(error)})") from None
        finally:
            if connection is not None:
                connection.close()
        if 200 <= status < 300:
            return
        if 400 <= status < 500 and status not in TRY_AGAIN:
            raise SaveRefused(status, self._detail(content))
        raise SaveKept(f"it answers with status {status}", _retry_after(headers))

    def _connection(self, target: SplitResult) -> HTTPConnection:
        if target.scheme == "http":
            return HTTPConnection(target.netloc, timeout=SECONDS_PER_CALL)
        if self._certificates is None:
            self._certificates = _tls_context()
        return HTTPSConnection(target.netloc, timeout=SECONDS_PER_CALL, context=self._certificates)

    def _exchange(
        self, connection: HTTPConnection, address: str, body: Sequence[bytes]
    ) -> "tuple[int, HTTPMessage, bytes]":
        headers = {
            "Authorization": f"token {self._token}",
            "Content-Type": "application/json",
            "Content-Length": str(sum(map(len, body))),
        }
        connection.connect()
        # 413 may be answered before the body is read, and the connection closed
        with suppress(BrokenPipeError, ConnectionResetError):
            # in parts: the timeout is for each of them (socket.sendall)
            connection.request("POST", self._target.path + address, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read(MAX_ANSWER)

    def _detail(self, content: bytes) -> str:
        """The `detail` of a problem (RFC 9457), fit for a log line."""
        try:
            detail = json.loads(content)["detail"]
        except (ValueError, RecursionError, LookupError, TypeError):
            return ""
        text = str(detail).replace(self._token, "…")[:MAX_DETAIL]
        return "".join(each if each.isprintable() else "?" for each in text)


def _tls_context() -> ssl.SSLContext:
    """The hub's authorities and certificates with internal_ssl, else the system's authorities."""
    context = ssl.create_default_context(cafile=os.environ.get("JUPYTERHUB_SSL_CLIENT_CA"))
    if certificate := os.environ.get("JUPYTERHUB_SSL_CERTFILE"):
        context.load_cert_chain(certificate, os.environ.get("JUPYTERHUB_SSL_KEYFILE"))
    return context


def _retry_after(headers: HTTPMessage) -> float:
    """Seconds (RFC 9110, 10.2.3), at most MAX_RETRY_AFTER; 0 if there are none."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return min(int(text), MAX_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(0, seconds), MAX_RETRY_AFTER)


def _event(save: SpooledSave, notebook: NotebookNow, *, with_content: bool = True) -> list[bytes]:
    """The parts of the JSON of an event."""
    event = {
        "type": "save-notebook",
        "filename": save.filename,
        "path": save.path,
        "timestamp": save.timestamp,
        "size": notebook.size,
    }
    head = json.dumps(event).encode()
    if notebook.packed is None or not with_content:
        return [head]
    return [head[:-1] + b', "notebook": "', *_base64(notebook.packed), b'"}']


def _base64(content: bytes) -> Iterator[bytes]:
    # parts with a length that 3 divides can be put together
    step = 3 * 2**16
    for start in range(0, len(content), step):
        yield base64.b64encode(content[start : start + step])


# ---------------------------------------------------------------------------- the delivery


@dataclass
class GrowingPause:
    """Pauses between attempts: 1, 2, 4 … 60 seconds."""

    failures: int = 0
    end: float = 0.0

    def grow(self, least: float) -> None:
        """Begin the next pause, of at least that many seconds."""
        seconds = min(MAX_PAUSE, 2 ** min(self.failures, 10))
        self.failures += 1
        self.end = time.monotonic() + max(seconds, least)


class SaveReporter:
    """Delivers saves, from a thread of its own that starts with the first one."""

    def __init__(self, settings: HookSettings) -> None:
        self._settings = settings
        self._calls = SaveCalls(settings)
        self._spool = SaveSpool(settings.folder)
        self._changed = threading.Condition()
        """Guards the next three, and the spool against other threads."""
        self._waiting: dict[str, SpooledSave] = {}
        self._pauses: dict[str, GrowingPause] = {}
        """Of single notebooks, so that one that always fails does not hold up the others."""
        self._thread: threading.Thread | None = None
        self._pause = GrowingPause()
        self._withdrawn = WithdrawnPaths(settings.folder)
        self._problem = ""

    def saved(self, model: Any, os_path: Any) -> None:
        """Note a save for delivery, if it is of a notebook; never raises."""
        _attempt("a save was not noted", lambda: self._note(model, os_path))

    def resume(self) -> None:
        """Deliver what earlier servers left; never raises."""
        _attempt("earlier saves wait", self._start_if_needed)

    def _note(self, model: Any, os_path: Any) -> None:
        if model["type"] != "notebook":
            return
        save = SpooledSave.now(model["path"].lstrip("/"), os_path)
        if TEMPORARY.fullmatch(save.filename):
            return
        with self._changed:
            self._waiting[save.entry] = save
            try:
                self._spool.put(save)
            except OSError as error:
                _log_once(f"launcher-saves cannot be written ({_kind(error)}): kept in memory.")
            self._start()
            self._changed.notify()

    def _start_if_needed(self) -> None:
        if not self._spool.is_empty():
            with self._changed:
                self._start()

    def _start(self) -> None:
        # in a forked process, the thread is not alive
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="launcher-saves", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        _attempt("earlier saves wait", self._load)
        while True:
            save = self._next()
            if not _attempt("a save was not delivered", functools.partial(self._deliver, save)):
                self._postpone(save)

    def _load(self) -> None:
        self._spool.clean()
        for save in self._spool.load():
            with self._changed:
                self._waiting.setdefault(save.entry, save)

    def _next(self) -> SpooledSave:
        """Wait until a save is due."""
        with self._changed:
            while True:
                save = min(self._waiting.values(), key=self._due, default=None)
                seconds = None if save is None else self._due(save) - time.monotonic()
                if save is not None and seconds is not None and seconds <= 0:
                    return save
                self._changed.wait(seconds)

    def _due(self, save: SpooledSave) -> float:
        own = self._pauses.get(save.entry)
        return max(self._pause.end, own.end if own else 0.0)

    def _deliver(self, save: SpooledSave) -> None:
        try:
            self._send(save)
        except SaveKept as error:
            self._say(f"The launcher took no report of a save: {error}. It is tried again.")
            self._postpone(save, error.retry_after)
            return
        except SaveRefused as error:
            log(f"The launcher refused the save of {save.filename[:MAX_DETAIL]!a}: {error}")
        self._say("")
        self._pause = GrowingPause()
        self._remove(save)

    def _send(self, save: SpooledSave) -> None:
        notebook = NotebookNow.of_file(save.os_path, self._settings.max_notebook)
        if self._is_private(save, notebook):
            self._withdraw(save.path)
        else:
            self._report(save, notebook)

    def _is_private(self, save: SpooledSave, notebook: NotebookNow) -> bool:
        if save.filename.lower().startswith("private"):
            return True
        return save.path in self._withdrawn if notebook.is_tagged is None else notebook.is_tagged

    def _report(self, save: SpooledSave, notebook: NotebookNow) -> None:
        # first: it may have arrived, although no answer did
        self._withdrawn.discard(save.path)
        try:
            self._calls.post("/events", _event(save, notebook))
        except SaveRefused as error:
            if error.status != 413 or notebook.packed is None:
                raise
            self._calls.post("/events", _event(save, notebook, with_content=False))

    def _withdraw(self, path: str) -> None:
        if path not in self._withdrawn:
            try:
                self._calls.post("/events/withdraw", [json.dumps({"path": path}).encode()])
            except SaveRefused as error:
                # 404: nothing is known of it
                if error.status != 404:
                    raise
        self._withdrawn.add(path)

    def _postpone(self, save: SpooledSave, least: float = 0) -> None:
        self._pause.grow(least)
        with self._changed:
            self._pauses.setdefault(save.entry, GrowingPause()).grow(least)

    def _remove(self, save: SpooledSave) -> None:
        with self._changed:
            self._pauses.pop(save.entry, None)
            if self._waiting[save.entry].nonce == save.nonce:
                del self._waiting[save.entry]
            self._spool.remove(save)

    def _say(self, problem: str) -> None:
        """Log a problem with the launcher when it begins."""
        if problem and problem != self._problem:
            log(problem)
        self._problem = problem


# --------------------------------------------------------------------------------- the log


def log(text: str) -> None:
    """A line in the server's log."""
    # a server may have closed its standard error
    with suppress(OSError, ValueError):
        print(f"save_hook: {text}", file=sys.stderr, flush=True)


@functools.lru_cache(maxsize=100)
def _log_once(text: str) -> None:
    log(text)


def _kind(error: BaseException) -> str:
    """What happened, without a text that may hold a token."""
    number = getattr(error, "errno", None)
    return type(error).__name__ + (f", {os.strerror(number)}" if isinstance(number, int) else "")


def _attempt(failure: str, action: Callable[[], None]) -> bool:
    """Whether an action worked. The outermost layer: whatever fails here, no save may fail."""
    try:
        action()
    except Exception as error:
        _log_once(f"{failure}: {_kind(error)}")
        return False
    return True
