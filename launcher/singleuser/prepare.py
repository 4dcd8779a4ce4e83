"""Starts the single-user server, and checks a git project out beside it.

    python prepare.py PROJECT -- jupyterhub-singleuser …

PROJECT is the JSON of a project (see `Project`), `$NAME` for an environment variable that holds
it, or the path of a file. The file needs Python 3.10 and git, imports nothing of the launcher, and
may also be run from a variable (`python -I -c "import os; exec(os.environ['…'])"`; without `-I`
a file `json.py` in the working directory would be imported in place of Python's own).

The process that the spawner polls becomes the server at once (exec): it has the same process id,
environment and standard streams, gets every signal, and its exit status is the server's. The
checkout runs in a process of its own, which ends when the server ends. A checkout that fails
never stops the server: the reason is in CHECKOUT-FAILED.md in the workspace and in the launch.

Workspaces persist
------------------
A workspace is cloned beside its place and then renamed, so it is complete or absent. A start that
finds a repository there keeps everything in it: changed files, the user's commits, another branch.
Anything else that is found in its place is renamed to `<name>_backup_<YYYYMMDDHHMMSS>`.

Following a branch
------------------
The rules are those of nbgitpuller (https://nbgitpuller.readthedocs.io/topic/automatic-merging.html)
at each start after the first:

1. A file that only the branch changed is brought up to date.
2. Changes of the user and of the branch in different lines of a file are merged.
3. Changes in the same lines: the branch's file gets the name, and the user's file is kept beside it
   with the time in its name (`a__20260131093000.ipynb`). nbgitpuller keeps the user's lines only.
   The same happens to a notebook that is no JSON after a merge.
4. A file that the user deleted comes back. A file that the branch deleted and the user changed
   stays.
5. A file of the user's own where the branch adds one is kept with the time in its name.
6. Commits of the user are kept, and merged. Where this is not possible (the branch was rewritten),
   the whole workspace is renamed to `<name>_backup_<YYYYMMDDHHMMSS>`, and cloned again.
7. A workspace on another branch, or in the middle of a merge or rebase of the user, is left alone.

Uncommitted changes are committed before a merge (`git commit --all`), as nbgitpuller does. What an
update that was killed had merged already counts as a change of the user, so a file may be kept
twice, never less.
"""

import fcntl
import json
import os
import re
import selectors
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urljoin, urlsplit

VERSION = 1
PAGE = "CHECKOUT-FAILED.md"
PAGE_TITLE = "# The project could not be checked out"
MAX_JSON = 64 * 1024
MAX_ANSWER = 64 * 1024
# more than this in the listing of a commit is too many files, whatever max_files is
MAX_OUTPUT = 64 * 2**20
MAX_LINK = 4096
MAX_NAME = 255  # bytes, on Linux
LINKS_TO_FOLLOW = 40  # in one path, as Linux does (path_resolution(7))
STEPS_TO_FOLLOW = 1_000_000  # components of paths, for all links of a checkout
SECONDS_PER_CALL = 10
SECONDS_BETWEEN_REPORTS = 1
SECONDS_FOR_THE_LAST_REPORT = 300
INTERRUPTED = "interrupted"
STALE_SECONDS = 600  # of git's own lock files, as in nbgitpuller


class PrepareFailed(Exception):
    """The project cannot be checked out; the text is a sentence for the user."""

    advice = "Stop this server and start it again to try again."


class NotInRepository(PrepareFailed):
    """The commit or the branch is not in the repository (any more)."""

    advice = "Starting this server again does not help. Open a branch that exists."


class GitFailed(Exception):
    """A git command ended with an error; the text is what it printed."""


class ServerEnded(Exception):
    """The server ended, or this process was told to."""


# ---------------------------------------------------------------------------- the project


@dataclass(frozen=True)
class Project:
    """What is checked out, and where. Read from JSON with these names and `version: 1`."""

    url: str
    """https only, without credentials."""
    branch: str
    """The branch that the commit is checked out on, or the branch that is followed."""
    workspace: str
    """Relative path below the home."""
    commit: "str | None" = None
    """40 hexadecimal digits; exactly one of `commit` and `follow` is given."""
    follow: "str | None" = None
    """`branch`."""
    depth: int = 1
    """Number of commits that are fetched; 0: all."""
    submodules: bool = False
    lfs: bool = False
    hosts: tuple[str, ...] = ()
    """`host` or `host:port`: where submodules may come from, beside the host of `url`."""
    ca_file: "str | None" = None
    """Certificates that the git host is checked with."""
    launcher_url: "str | None" = None
    """Default: LAUNCHER_URL in the environment."""
    launch: "str | None" = None
    """The id of the launch, repeated in each report."""
    credential_url: "str | None" = None
    """Asked with POST for `{"username", "password"}`; a path is below launcher_url."""
    progress_url: "str | None" = None
    """Gets `{"message", "progress"}`, at the end with `state` `done` or `failed` and `reason`."""
    max_files: int = 100_000
    max_bytes: int = 10 * 2**30
    max_seconds: int = 1800

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Project":
        """Read and check a project; raises PrepareFailed with the name of the field."""
        given = {name: each for name, each in value.items() if each is not None}
        if given.pop("version", None) != VERSION:
            raise PrepareFailed(f"version of the project must be {VERSION}.")
        for name in given:
            if name not in _FIELDS:
                raise PrepareFailed(f"{name[:64]!a} is not a field of a project.")
        for name in ("url", "branch", "workspace"):
            if name not in given:
                raise PrepareFailed(f"{name} is missing in the project.")
        if ("commit" in given) == ("follow" in given):
            raise PrepareFailed("The project must have either commit or follow.")
        return cls(**{name: _FIELDS[name](each, name) for name, each in given.items()})

    @property
    def target(self) -> Path:
        """The workspace."""
        return home() / self.workspace

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Hosts, with ports, that git may connect to."""
        return (urlsplit(self.url).netloc.lower(), *(host.lower() for host in self.hosts))


def home() -> Path:
    """The user's home."""
    return Path(os.path.expanduser("~"))


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_LINK or not value.isprintable():
        raise PrepareFailed(f"{name} must be printable text of 1 to {MAX_LINK} characters.")
    return value


def https_url(value: Any, name: str) -> str:
    """A URL that git may fetch from; raises PrepareFailed."""
    url = _text(value, name)
    if not re.fullmatch(r"https://[A-Za-z0-9.\[\]:-]+/[^\s?#\\]+", url) or "/../" in f"{url}/":
        raise PrepareFailed(
            f"{name} must be an https URL with a host and a path, without credentials, ? and #."
        )
    return url


def branch_name(value: Any, name: str) -> str:
    """A name that git allows for a branch (git-check-ref-format); raises PrepareFailed."""
    branch = _text(value, name)
    wrong = re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|\Z)|[./]\Z", branch)
    if wrong or branch.startswith(("-", "/", ".")) or branch == "@" or len(branch) > 200:
        raise PrepareFailed(f"{name} must be a name that git allows for a branch.")
    return branch


def _workspace(value: Any, name: str) -> str:
    path = _text(value, name)
    for part in path.split("/"):
        if part.startswith(".") or not part.strip() or len(part.encode()) > 200 or "\\" in part:
            raise PrepareFailed(
                f"{name} must be a path below the home, without .. and hidden folders."
            )
    return path


def _matching(pattern: str, what: str) -> Callable[[Any, str], str]:
    def read(value: Any, name: str) -> str:
        if not re.fullmatch(pattern, _text(value, name)):
            raise PrepareFailed(f"{name} must be {what}.")
        return str(value)

    return read


def _whole(least: int) -> Callable[[Any, str], int]:
    def read(value: Any, name: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 2**50:
            raise PrepareFailed(f"{name} must be a whole number from {least}.")
        return value

    return read


def _boolean(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise PrepareFailed(f"{name} must be true or false.")
    return value


def _hosts(value: Any, name: str) -> tuple[str, ...]:
    host = _matching(r"[A-Za-z0-9.\[\]:-]+", "a list of hosts, such as git.example.org:8443")
    if not isinstance(value, list) or len(value) > 100:
        raise PrepareFailed(f"{name} must be a list of at most 100 hosts.")
    return tuple(host(each, name) for each in value)


_address = _matching(r"https?://[^\s@?#]+|/[^\s]*", "a URL, or a path below launcher_url")
_FIELDS: Mapping[str, Callable[[Any, str], Any]] = {
    "url": https_url,
    "branch": branch_name,
    "workspace": _workspace,
    "commit": _matching(r"[0-9a-f]{40}", "40 hexadecimal digits"),
    "follow": _matching("branch", "branch, or missing"),
    "depth": _whole(0),
    "submodules": _boolean,
    "lfs": _boolean,
    "hosts": _hosts,
    "ca_file": _matching(r"/.*", "an absolute path"),
    "launcher_url": _matching(r"https?://[^\s@?#]+", "a URL"),
    "launch": _text,
    "credential_url": _address,
    "progress_url": _address,
    "max_files": _whole(1),
    "max_bytes": _whole(1),
    "max_seconds": _whole(1),
}


def read_json(where: str) -> dict[str, Any]:
    """The object that the first argument stands for; raises PrepareFailed."""
    try:
        if where.startswith("$"):
            text = os.environ.get(where[1:], "")
        else:
            text = where if where.lstrip().startswith("{") else _start_of_file(where)
        value = json.loads(text) if len(text) <= MAX_JSON else None
    except (OSError, ValueError, RecursionError) as error:
        raise PrepareFailed(f"The project cannot be read: {error}.") from error
    if not isinstance(value, dict):
        raise PrepareFailed(f"The project must be a JSON object of at most {MAX_JSON} characters.")
    return value


def _start_of_file(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read(MAX_JSON + 1)


# --------------------------------------------------------------------------- the launcher


class LauncherSilent(Exception):
    """The launcher does not answer as it should."""

    final = False
    """Whether asking again is of no use."""


@dataclass(frozen=True)
class LauncherCalls:
    """Calls to the launcher with the server's own token."""

    url: str
    ca_file: "str | None" = None

    def post(self, address: str, body: Mapping[str, Any]) -> bytes:
        """The answer to a JSON body; raises LauncherSilent. Redirects are not followed."""
        target = urlsplit(self._below(address))
        connection: HTTPConnection
        if target.scheme == "https":
            connection = HTTPSConnection(
                target.netloc, timeout=SECONDS_PER_CALL, context=self._certificates()
            )
        else:
            connection = HTTPConnection(target.netloc, timeout=SECONDS_PER_CALL)
        headers = {
            "Authorization": "token " + os.environ.get("JUPYTERHUB_API_TOKEN", ""),
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", target.path, json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read(MAX_ANSWER)
        except (OSError, HTTPException, ValueError) as error:
            raise LauncherSilent(f"it cannot be reached ({type(error).__name__})") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            wrong = LauncherSilent(f"it answers with status {answer.status}")
            wrong.final = answer.status < 500 and answer.status != 429
            raise wrong
        return content

    def _below(self, address: str) -> str:
        """The URL of an address; the token goes nowhere but to the launcher."""
        base = self.url.rstrip("/")
        full = base + address if address.startswith("/") else address
        if not full.startswith(base + "/") or "/../" in full:
            wrong = LauncherSilent("the address is not one of the launcher")
            wrong.final = True
            raise wrong
        return full

    def _certificates(self) -> ssl.SSLContext:
        """The system's authorities, the hub's (internal_ssl) and that of the project."""
        context = ssl.create_default_context(cafile=os.environ.get("JUPYTERHUB_SSL_CLIENT_CA"))
        if self.ca_file:
            context.load_verify_locations(self.ca_file)
        certificate = os.environ.get("JUPYTERHUB_SSL_CERTFILE")
        if certificate:
            context.load_cert_chain(certificate, os.environ.get("JUPYTERHUB_SSL_KEYFILE"))
        return context


class ProgressReports:
    """Reports to the launch, at most one a second, from a thread of its own."""

    def __init__(self, value: Mapping[str, Any], server: int) -> None:
        self._address, self._calls = _reporting(value)
        self._server = server
        self._launch = {"launch": value["launch"]} if value.get("launch") else {}
        self._next: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.notes: list[str] = []

    def say(self, message: str, progress: int) -> None:
        """Report progress in percent; a report that was not sent yet is replaced."""
        self._put({"message": message, "progress": progress})

    def note(self, sentence: str) -> None:
        """Say something that the user has to know; it is in the last report, too."""
        log(sentence)
        if len(self.notes) < 20:
            self.notes.append(sentence)

    def done(self, message: str) -> None:
        """The last report of a checkout that worked."""
        self._finish({"message": " ".join([message, *self.notes])[:2000], "state": "done"})

    def failed(self, reason: str) -> None:
        """The last report of a checkout that failed."""
        self._finish({"message": reason, "state": "failed", "reason": reason})

    def _finish(self, body: dict[str, Any]) -> None:
        log(f"{body['state']}: {body['message']}")
        self._put({**body, "progress": 100})
        end = time.monotonic() + SECONDS_FOR_THE_LAST_REPORT
        while self._thread.is_alive() and time.monotonic() < end:
            check_server(self._server)
            self._thread.join(0.5)

    def _put(self, body: dict[str, Any]) -> None:
        with self._changed:
            self._next = body
            self._changed.notify()

    def _run(self) -> None:
        if self._address is None or self._calls is None:
            return
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next)
                body, self._next = self._next, {}
            problem = self._send(self._address, self._calls, body)
            time.sleep(SECONDS_BETWEEN_REPORTS)
            if "state" in body:
                if problem is None or problem.final:
                    return
                self._put(body)

    def _send(
        self, address: str, calls: LauncherCalls, body: dict[str, Any]
    ) -> "LauncherSilent | None":
        try:
            calls.post(address, {**body, **self._launch})
        except LauncherSilent as error:
            log(f"The launcher did not take a report: {error}.")
            return error
        return None


def _reporting(value: Mapping[str, Any]) -> "tuple[str | None, LauncherCalls | None]":
    """Where reports go, even if other fields of the project are wrong."""
    launcher = value.get("launcher_url") or os.environ.get("LAUNCHER_URL")
    if not launcher or not value.get("progress_url"):
        return None, None
    try:
        address = _address(value["progress_url"], "progress_url")
        url = _FIELDS["launcher_url"](launcher, "launcher_url")
    except PrepareFailed as error:
        log(str(error))
        return None, None
    ca_file = value.get("ca_file")
    return address, LauncherCalls(url, ca_file if isinstance(ca_file, str) else None)


def log(text: str) -> None:
    """A line in the server's log."""
    print(f"prepare: {text}", file=sys.stderr, flush=True)


class Credential:
    """The credential of the git host, asked for when git asks, at most once."""

    def __init__(self, project: Project, calls: "LauncherCalls | None") -> None:
        self._project = project
        self._calls = calls
        self._answer: dict[str, Any] | None = None

    def answer(self, prompt: str) -> str:
        """What git is told: `Username for 'https://host': `, `Password for 'https://me@host': `."""
        kind, _, url = prompt.partition(" for ")
        asked = urlsplit(url.strip(" :'\n")).netloc.rpartition("@")[2].lower()
        if asked != urlsplit(self._project.url).netloc.lower():
            return ""
        if self._answer is None:
            self._answer = self._ask()
        found = self._answer.get(kind.lower(), "")
        return found if isinstance(found, str) and found.isprintable() else ""

    def _ask(self) -> dict[str, Any]:
        if self._calls is None or self._project.credential_url is None:
            return {}
        try:
            content = self._calls.post(self._project.credential_url, {"url": self._project.url})
            found = json.loads(content)
        except LauncherSilent as error:
            log(f"The launcher gives no credential: {error}.")
            return {}
        except (ValueError, RecursionError):
            log("The launcher gives no credential: its answer is not JSON.")
            return {}
        return found if isinstance(found, dict) else {}


# ------------------------------------------------------------------------------------ git

# what a site sets so that programs reach the network and find their libraries
KEPT_VARIABLES = (
    *("PATH", "LD_LIBRARY_PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GIT_EXEC_PATH"),
)
SETTINGS = {
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "http.followRedirects": "false",
    "http.sslVerify": "true",
    # a host that sends nothing for this time is given up
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",
    "credential.helper": "",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    # links are made afterwards, when it is known where they lead
    "core.symlinks": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.quotePath": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.fsckObjects": "true",
    "transfer.fsckObjects": "true",
    # harmless faults of old commits, which many repositories have
    "fetch.fsck.zeroPaddedFilemode": "warn",
    "fetch.fsck.badTimezone": "warn",
    "fetch.fsck.missingSpaceBeforeDate": "warn",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "merge.renames": "false",
    "user.name": "prepare",
    "user.email": "prepare@localhost",
}
LFS = {
    "filter.lfs.smudge": "git-lfs smudge -- %f",
    "filter.lfs.clean": "git-lfs clean -- %f",
    "filter.lfs.required": "true",
}
ASKPASS = """#!/bin/sh
printf '%s\\n' "$1" > "/dev/fd/$PREPARE_PROMPT"
IFS= read -r answer < "/dev/fd/$PREPARE_ANSWER" && printf '%s\\n' "$answer"
"""


@dataclass
class GitCommands:
    """Runs git as a child process, in bounds."""

    project: Project
    server: int
    """The process id of the server; git ends with it."""
    state: Path
    """A folder for the helper, which is also git's home."""
    credential: Credential
    progress: Callable[[str], None]
    end: float = 0.0
    packs: dict[Path, int] = field(default_factory=dict)
    """Bytes that were fetched into each repository of this checkout."""

    def __post_init__(self) -> None:
        self.end = time.monotonic() + self.project.max_seconds
        helper = self.state / "askpass"
        write_new(helper, ASKPASS.encode())
        helper.chmod(0o700)

    def __call__(self, folder: Path, *arguments: str, given: bytes = b"") -> bytes:
        """What a command on the repository in a folder prints; raises GitFailed."""
        where = [f"--git-dir={folder}/.git", f"--work-tree={folder}", "-C", str(folder)]
        return self.run([*where, *arguments], given, folder)

    def text(self, folder: Path, *arguments: str) -> str:
        """The same as one text without the end of the line."""
        return os.fsdecode(self(folder, *arguments)).strip("\n")

    def works(self, folder: Path, *arguments: str) -> bool:
        """Whether a command ends without an error."""
        try:
            self(folder, *arguments)
        except GitFailed:
            return False
        return True

    def paths(self, folder: Path, *arguments: str) -> list[str]:
        """The paths that a command with `-z` lists."""
        return [os.fsdecode(each) for each in self(folder, *arguments).split(b"\0") if each]

    def run(self, arguments: list[str], given: bytes, folder: Path) -> bytes:
        """Run git until it ends; raises GitFailed, PrepareFailed and ServerEnded."""
        prompt, answer = os.pipe(), os.pipe()
        words = [
            word for name, value in self._settings().items() for word in ("-c", name + "=" + value)
        ]
        try:
            with tempfile.TemporaryFile(dir=self.state) as stdin:
                stdin.write(given)
                stdin.seek(0)
                process = subprocess.Popen(  # noqa: S603
                    ["git", *words, *arguments],  # noqa: S607
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=self._environment(prompt[1], answer[0]),
                    pass_fds=(prompt[1], answer[0]),
                    start_new_session=True,
                )
                with process:
                    try:
                        output = self._follow(process, prompt[0], answer[1], folder)
                    finally:
                        _kill_group(process.pid)
        finally:
            for each in (*prompt, *answer):
                os.close(each)
        if process.returncode != 0:
            raise GitFailed(output[1].decode("utf-8", "replace"))
        return bytes(output[0])

    def _settings(self) -> dict[str, str]:
        found = dict(SETTINGS)
        if self.project.ca_file:
            found["http.sslCAInfo"] = self.project.ca_file
        if self.project.lfs and shutil.which("git-lfs"):
            found.update(LFS)
            found["lfs.url"] = self.project.url.removesuffix(".git") + ".git/info/lfs"
        return found

    def _environment(self, prompt: int, answer: int) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return {
            **kept,
            "LC_ALL": "C",
            "HOME": str(self.state),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LFS_SKIP_SMUDGE": "0" if self.project.lfs else "1",
            "GIT_ASKPASS": str(self.state / "askpass"),
            "PREPARE_PROMPT": str(prompt),
            "PREPARE_ANSWER": str(answer),
        }

    def _follow(
        self, process: "subprocess.Popen[bytes]", prompt: int, answer: int, folder: Path
    ) -> list[bytearray]:
        """Read what git prints, answer its prompts, and hold it to the bounds."""
        output = [bytearray(), bytearray()]
        pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        streams = {pipe.fileno(): number for number, pipe in enumerate(pipes)}
        with selectors.DefaultSelector() as selector:
            for each in (*streams, prompt):
                selector.register(each, selectors.EVENT_READ)
            while streams:
                for key, _ in selector.select(0.5):
                    content = os.read(key.fd, 65536)
                    if key.fd == prompt:
                        told = self.credential.answer(content.decode("utf-8", "replace"))
                        os.write(answer, told.encode() + b"\n")
                    elif content:
                        self._keep(output, streams[key.fd], content)
                    else:
                        selector.unregister(key.fd)
                        del streams[key.fd]
                self._check_bounds(folder)
        return output

    def _keep(self, output: list[bytearray], which: int, content: bytes) -> None:
        output[which] += content
        if which == 0 and len(output[0]) > MAX_OUTPUT:
            raise too_many_files(self.project)
        if which == 1:
            self.progress(content.decode("utf-8", "replace"))
            del output[1][:-65536]

    def check_time(self) -> None:
        """Raise ServerEnded after the end of the server, PrepareFailed after that of the time."""
        check_server(self.server)
        if time.monotonic() > self.end:
            raise PrepareFailed(
                f"The checkout took longer than {self.project.max_seconds} seconds. The git host"
                " may be slow, or the repository is large: start the server again to try again."
            )

    def _check_bounds(self, folder: Path) -> None:
        self.check_time()
        self.packs[folder] = _size(folder / ".git/objects/pack")
        if sum(self.packs.values()) > self.project.max_bytes:
            raise too_large(self.project)


def _kill_group(leader: int) -> None:
    """End a process and all that it started in its session."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _size(folder: Path) -> int:
    """Bytes in the files of a folder."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        # files are renamed while they are counted
        return total
    return total


def check_server(server: int) -> None:
    """Raise ServerEnded if the process is gone."""
    try:
        os.kill(server, 0)
    except ProcessLookupError as error:
        raise ServerEnded from error
    except PermissionError:
        # a server that runs as another user does
        return


def too_many_files(project: Project) -> PrepareFailed:
    """The error for a commit with more files than a home can take."""
    return PrepareFailed(
        f"The commit has more than {project.max_files} files, which is the limit here. Ask the"
        " administrator to raise it, or use a smaller repository."
    )


def too_large(project: Project) -> PrepareFailed:
    """The error for a commit with more bytes than are allowed."""
    return PrepareFailed(
        f"The repository is larger than {project.max_bytes} bytes, which is the limit here. Ask"
        " the administrator to raise it, or use a smaller repository."
    )


NO_BRANCH = "couldn't find remote ref"
# what git prints, without addresses -> what is wrong, and what to do
CAUSES = {
    "could not resolve host": "The git host cannot be found. Check the host in the address.",
    "certificate|ssl": "The certificate of the git host is not trusted here. The administrator can"
    " name the authority of the host (ca_file).",
    "authentication failed|could not read (username|password)|prompts disabled|error: 401": "The"
    " git host wants a sign-in that was not given, or not accepted. Sign in again, or store a"
    " token for this host, and start the server again.",
    "error: 403": "The git host does not let you read this repository.",
    "error: 404|repository url not found": "The repository does not exist, or you may not see it.",
    "error: 3[0-9][0-9]|redirect": "The git host redirects to another address. Use the address"
    " that the host shows for the repository now.",
    "error: 429": "The git host takes no more requests now. Try again later.",
    "error: 5[0-9][0-9]": "The git host answers with an error of its own. Try again later.",
    NO_BRANCH: "The branch does not exist in the repository. It may have been renamed or deleted.",
    "failed to connect|connection refused|timed out|too slow|timeout": "The git host does not"
    " answer. Try again later.",
    "no space left|quota": "There is no space left for the project. Delete files, and start the"
    " server again.",
    "read-only file system|permission denied": "The workspace cannot be written. Check the"
    " permissions of the folder.",
    "fsck|hasdot|invalid path": "The repository holds a path or an object that git refuses for"
    " safety.",
    "transfer closed|early eof|hung up|rpc failed|disconnect|empty reply|recv failure": "The"
    " connection to the git host broke off. Start the server again to try again.",
}


def explain(error: GitFailed) -> PrepareFailed:
    """A sentence for what git printed; the text of the remote host is left out."""
    lines = [line for line in str(error).splitlines() if not line.startswith("remote:")]
    text = re.sub(r"'https?://[^']*'", "url", "\n".join(lines).lower())
    for pattern, sentence in CAUSES.items():
        if re.search(pattern, text):
            return (NotInRepository if pattern == NO_BRANCH else PrepareFailed)(sentence)
    wrong = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    return PrepareFailed(f"git failed: {_harmless(wrong[-1] if wrong else 'no reason given')}.")


def _harmless(text: str) -> str:
    """A text without what a page, a terminal or a shell could take for markup or code."""
    return re.sub(r"[^\w .,:/=+-]", "?", text, flags=re.ASCII)[:300]


# why a file of the user is kept under another name
BOTH_HAVE_IT = "the branch has one, too"
SAME_LINES = "you and the branch changed the same lines"
BROKEN_NOTEBOOK = "merged with the changes of the branch, it would be no valid notebook"

MERGED = "refs/prepare/merged"  # the commit of the branch that was merged last
STATUS = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all", "-z")
REFUSES_COMMIT = re.compile(
    r"unadvertised object|not our ref|does not support shallow|want .* not valid|no such ref"
    r"|not allow request|dumb http",
    re.IGNORECASE,
)


# --------------------------------------------------------------------------- the checkout


@dataclass
class Checkout:
    """Brings one workspace to what the project says."""

    project: Project
    git: GitCommands
    reports: ProgressReports
    state: Path
    stamp: str = field(default_factory=lambda: time.strftime("%Y%m%d%H%M%S"))
    files: int = 0
    """Files of the commits that were measured: the project's, and those of its submodules."""
    size: int = 0
    """Bytes of these files."""

    @property
    def shown(self) -> str:
        """The workspace in messages."""
        return self.project.workspace

    def run(self) -> None:
        """Check out, or bring up to date; raises PrepareFailed and GitFailed."""
        target = self.project.target
        if not os.path.lexists(target / ".git"):
            self.clone()
            return
        remove_page(target)
        if not self.git.works(target, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
            raise PrepareFailed(
                f"git cannot read the repository in {self.shown}. Rename this folder, and start"
                " the server again to get a new one."
            )
        if self.project.follow:
            Follow(self).run()
        else:
            self.keep()

    def clone(self) -> None:
        """Clone beside the workspace, and put the clone in its place."""
        self.files = self.size = 0
        self.git.packs.clear()
        new = Path(tempfile.mkdtemp(prefix="clone-", dir=self.state))
        commit = self.project.commit
        fetched = self.fetch_new(new, self.project.url, commit)
        self.measure(new, fetched)
        self.reports.say(f"Checking out {fetched[:10]}", 75)
        branch = f"refs/heads/{self.project.branch}"
        self.git(new, "update-ref", branch, fetched)
        self.git(new, "symbolic-ref", "HEAD", branch)
        self.git(new, "config", "remote.origin.url", self.project.url)
        self.git(new, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        self.git(new, "update-ref", MERGED, fetched)
        self.git(new, "reset", "--hard", "--quiet")
        self.submodules(new, fetched)
        self.make_links(new)
        (new / ".git/info").mkdir(exist_ok=True)
        (new / ".git/info/exclude").write_text(f"/{PAGE}\n", encoding="ascii")
        self.put_in_place(new)

    def fetch_new(self, new: Path, url: str, commit: "str | None") -> str:
        """Fetch a commit, or the branch, into a new repository; the commit's name."""
        self.git(new, "init", "--quiet", "--template=")
        branch = self.project.branch
        own = f"+refs/heads/{branch}:refs/remotes/origin/{branch}"
        depth = [f"--depth={self.project.depth}"] if self.project.depth else []
        if commit is None:
            self.fetch(new, url, own, *depth)
            return self.git.text(new, "rev-parse", f"refs/remotes/origin/{branch}^{{commit}}")
        try:
            self.fetch(new, url, commit, *depth)
        except GitFailed as error:
            if not REFUSES_COMMIT.search(str(error)):
                raise
            self.reports.say("The host gives no single commits: fetching all", 10)
            self.fetch(new, url, "+refs/heads/*:refs/remotes/origin/*", "--tags")
        if not self.git.works(new, "cat-file", "-e", f"{commit}^{{commit}}"):
            raise NotInRepository(
                f"The commit {commit[:10]} is not in the repository. It may have been removed by a"
                " force-push, or belong to another repository."
            )
        return commit

    def fetch(self, folder: Path, url: str, what: str, *options: str) -> None:
        """Fetch one reference from a URL; raises GitFailed."""
        tags = [] if "--tags" in options else ["--no-tags"]
        always = ("--progress", "--no-recurse-submodules", "--no-write-commit-graph", *tags)
        self.git(folder, "fetch", *always, *options, "--", url, what)

    def measure(self, folder: Path, commit: str) -> None:
        """Raise PrepareFailed if the commit is larger than allowed, before it is checked out.

        The limits are for the project and its submodules together.
        """
        listed = self.git(folder, "ls-tree", "-r", "-l", "-z", commit).split(b"\0")
        files = self.files + len(listed) - 1
        if files > self.project.max_files:
            raise too_many_files(self.project)
        sizes = (each.partition(b"\t")[0].split()[3] for each in listed if each)
        size = self.size + sum(int(size) for size in sizes if size.isdigit())
        if size > self.project.max_bytes:
            raise too_large(self.project)
        self.files, self.size = files, size

    def put_in_place(self, new: Path) -> None:
        """Rename the clone to the workspace; what is there is renamed, too."""
        target = self.project.target
        remove_page(target)
        if os.path.lexists(target):
            self.back_up()
        target.parent.mkdir(parents=True, exist_ok=True)
        new.chmod(0o755 & ~_umask())
        new.rename(target)

    def back_up(self) -> None:
        """Rename what is in place of the workspace; an empty folder is removed."""
        target = self.project.target
        try:
            target.rmdir()
        except OSError:
            backup = free_name(target.with_name(f"{target.name}_backup_{self.stamp}"))
            target.rename(backup)
            self.reports.note(
                f"The files that were in {self.shown} are kept in"
                f" {os.path.relpath(backup, home())}."
            )

    def keep(self) -> None:
        """Say what differs from the commit; nothing is changed."""
        target, project = self.project.target, self.project
        on = self.branch_of(target)
        if on != project.branch:
            now = f"the branch {on!a}" if on else "no branch"
            self.reports.note(f"You are on {now}, not on {project.branch!a}: this is kept.")
        options = ("--porcelain", "-z", "--no-renames", "--ignore-submodules=all")
        changed = self.git.paths(target, "status", *options)
        if changed:
            self.reports.note(f"{len(changed)} changed or new files of yours are kept.")
        head = self.git.text(target, "rev-parse", "HEAD")
        if head == project.commit:
            return
        if self.git.works(target, "merge-base", "--is-ancestor", str(project.commit), "HEAD"):
            self.reports.note("Your commits are kept.")
        else:
            self.reports.note(
                f"The workspace is at {head[:10]}, not at {str(project.commit)[:10]}: it is kept."
            )

    def branch_of(self, folder: Path) -> str:
        """The branch that is checked out; empty for none."""
        try:
            found = self.git.text(folder, "symbolic-ref", "--quiet", "HEAD")
        except GitFailed:
            return ""
        return found.removeprefix("refs/heads/")

    def submodules(self, folder: Path, commit: str, depth: int = 0) -> None:
        """Check out submodules that are not there yet, each from a host that is allowed."""
        listed = self.git(folder, "ls-files", "--stage", "-z").split(b"\0")
        links = [each for each in listed if each.startswith(b"160000 ")]
        if not links:
            return
        if not self.project.submodules:
            self.reports.note("Submodules are left empty: they were not asked for.")
            return
        addresses = self.submodule_urls(folder, commit)
        for link in links:
            path = os.fsdecode(link.partition(b"\t")[2])
            place = folder / path
            if depth > 4 or os.path.islink(place) or (place.is_dir() and any(place.iterdir())):
                continue
            if Links(folder, {}).are_above(path):
                # a folder that the user replaced
                continue
            self.submodule(place, path, addresses.get(path, ""), link.split()[1].decode(), depth)

    def submodule(self, place: Path, path: str, url: str, commit: str, depth: int) -> None:
        """Check one submodule out, with all that holds for the project itself."""
        try:
            https_url(url, "The address")
        except PrepareFailed:
            url = ""
        if urlsplit(url).netloc.lower() not in self.project.allowed_hosts:
            self.reports.note(
                f"The submodule {_harmless(path)} is left empty: its address is not an https URL"
                " of a host that is allowed here."
            )
            return
        self.reports.say(f"Fetching the submodule {_harmless(path)}", 80)
        place.mkdir(parents=True, exist_ok=True)
        try:
            self.fetch_submodule(place, url, commit, depth)
        except (GitFailed, PrepareFailed) as error:
            shutil.rmtree(place)
            place.mkdir()
            self.git.packs.pop(place, None)
            reason = explain(error) if isinstance(error, GitFailed) else error
            self.reports.note(f"The submodule {_harmless(path)} is left empty: {reason}")

    def fetch_submodule(self, place: Path, url: str, commit: str, depth: int) -> None:
        """Fetch into an empty folder; raises GitFailed and PrepareFailed."""
        self.fetch_new(place, url, commit)
        self.measure(place, commit)
        self.git(place, "config", "remote.origin.url", url)
        self.git(place, "update-ref", "--no-deref", "HEAD", commit)
        self.git(place, "reset", "--hard", "--quiet")
        self.submodules(place, commit, depth + 1)
        self.make_links(place)

    def submodule_urls(self, folder: Path, commit: str) -> dict[str, str]:
        """The addresses in .gitmodules by path; relative ones are resolved."""
        try:
            text = self.git(folder, "config", "--blob", f"{commit}:.gitmodules", "--list", "-z")
        except GitFailed:
            return {}
        base = self.git.text(folder, "config", "remote.origin.url")
        paths: dict[str, str] = {}
        urls: dict[str, str] = {}
        for entry in text.split(b"\0"):
            name, _, value = os.fsdecode(entry).partition("\n")
            module, _, key = name.rpartition(".")
            if key == "path":
                paths[module] = value
            elif key == "url":
                relative = value.startswith(("./", "../"))
                urls[module] = urljoin(base.rstrip("/") + "/", value) if relative else value
        return {path: urls.get(module, "") for module, path in paths.items()}

    def make_links(self, folder: Path, *commits: str) -> None:
        """Turn the text of links into links, unless they lead out of the folder or into .git.

        A link that is there already and comes from one of the commits is checked again: it may
        lead elsewhere since other paths changed. It becomes text if it leads out.
        """
        entries = _link_entries(self.git(folder, "ls-files", "--stage", "-z"), 1)
        if not entries:
            return
        changed = set(self.git.paths(folder, "ls-files", "--modified", "--deleted", "-z"))
        theirs: set[tuple[str, bytes]] = set()
        for commit in commits:
            tree = self.git(folder, "ls-tree", "-r", "-z", commit)
            theirs.update(_link_entries(tree, 2).items())
        wanted = {
            path: text
            for path in sorted(entries.keys() - changed)
            if not os.path.islink(folder / path) or (path, entries[path]) in theirs
            if (text := _link_text(folder / path)) is not None
        }
        refused = self.turn_links(folder, wanted)
        if refused:
            # git then takes the text for the link, so that the workspace has no changes
            self.git(folder, "config", "core.symlinks", "false")
            self.reports.note(
                f"{len(refused)} symbolic links lead out of the project and are text files now:"
                f" {', '.join(_harmless(each) for each in refused[:5])}."
            )

    def turn_links(self, folder: Path, wanted: Mapping[str, str]) -> list[str]:
        """Make the links that stay inside, and text of the others; the paths of these."""
        links = Links(folder, wanted)
        refused = []
        for path, text in wanted.items():
            self.git.check_time()
            place = folder / path
            if links.are_above(path):
                continue
            new = _new_name(place)
            if links.leads_out(path):
                refused.append(path)
                if place.is_symlink():
                    write_new(new, os.fsencode(text))
                    new.replace(place)
            elif not place.is_symlink():
                new.symlink_to(text)
                new.replace(place)
        return refused

    def aside(self, path: Path) -> Path:
        """A free name beside a file, with the time in it, as nbgitpuller gives it."""
        return free_name(_with_addition(path, f"__{self.stamp}"))


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def free_name(path: Path) -> Path:
    """The path, or one with a number if something is there."""
    number, found = 1, path
    while os.path.lexists(found):
        number += 1
        found = _with_addition(path, f"_{number}")
    return found


def _with_addition(path: Path, addition: str) -> Path:
    """A path with an addition before its suffix; the name is cut to what file systems take."""
    stem, suffix = path.stem, path.suffix
    if len(os.fsencode(suffix)) > MAX_NAME // 2:
        stem, suffix = path.name, ""
    while len(os.fsencode(f"{stem}{addition}{suffix}")) > MAX_NAME:
        stem = stem[:-1]
    return path.with_name(f"{stem}{addition}{suffix}")


def _new_name(path: Path) -> Path:
    """A name beside a file for what replaces it, which no repository can foresee."""
    return path.with_name(f".{os.urandom(16).hex()}.new")


def write_new(path: Path, content: bytes) -> None:
    """Write a new file; raises FileExistsError if anything is there, a link included."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    with open(opened, "wb") as file:
        file.write(content)


def _link_entries(listed: bytes, object_at: int) -> dict[str, bytes]:
    """The objects of links by path, in the listing of `ls-files --stage` (1) or `ls-tree` (2)."""
    found = {}
    for each in listed.split(b"\0"):
        facts, _, path = each.partition(b"\t")
        if facts.startswith(b"120000 "):
            found[os.fsdecode(path)] = facts.split()[object_at]
    return found


def _link_text(path: Path) -> "str | None":
    """The target of a link, or the one that a text file in its place holds."""
    if path.is_symlink():
        return os.readlink(path)
    if not path.is_file() or path.stat().st_size >= MAX_LINK:
        return None
    return os.fsdecode(path.read_bytes()) or None


class Links:
    """Where the links in a folder lead. Nothing is opened, so links need not be there yet."""

    def __init__(self, folder: Path, wanted: Mapping[str, str]) -> None:
        """`wanted` are targets by path; other links are looked up in the folder."""
        self._folder = os.fspath(folder)
        self._wanted = wanted
        self._steps = 0

    def _target(self, path: str) -> "str | None":
        if path in self._wanted:
            return self._wanted[path]
        try:
            return os.readlink(f"{self._folder}/{path}")
        except OSError:
            return None

    def are_above(self, path: str) -> bool:
        """Whether a path leads through a link."""
        above = (os.fspath(each) for each in PurePath(path).parents)
        return any(self._target(each) is not None for each in above if each != ".")

    def leads_out(self, path: str) -> bool:
        """Whether a link leads through .git or a place outside of the folder; links may be nested.

        What takes too long to follow counts as leading out, so any number of links is bounded.
        """
        parts = path.split("/")[::-1]
        at, followed = "", 0
        while parts:
            part = parts.pop()
            self._steps += 1
            if self._steps > STEPS_TO_FOLLOW or len(at) > MAX_LINK:
                return True
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    return True
                at = at.rpartition("/")[0]
                continue
            if part.casefold() in (".git", "git~1"):
                return True
            above, at = at, f"{at}/{part}" if at else part
            target = self._target(at)
            if target is not None:
                followed += 1
                if followed > LINKS_TO_FOLLOW or target.startswith("/") or "\0" in target:
                    return True
                at = above
                parts += target.split("/")[::-1]
        return False


# ----------------------------------------------------------------------- following a branch


class Follow:
    """Brings a workspace up to date with its branch; the rules are at the top of the file."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._git = checkout.git
        self._reports = checkout.reports
        self._folder = checkout.project.target
        self._branch = checkout.project.branch
        self._upstream = f"refs/remotes/origin/{self._branch}"
        self._mark = checkout.state / INTERRUPTED
        self._was_interrupted = self._mark.exists()
        """Whether an earlier update was killed."""

    def run(self) -> None:
        """Fetch and merge; raises PrepareFailed and GitFailed."""
        self._remove_stale_locks()
        busy = self._what_the_user_is_doing()
        if busy:
            self._reports.note(f"{busy} The branch {self._branch!a} is not brought up to date.")
            return
        self._mark.touch()
        new = self._fetch()
        self._mark.unlink()
        self._checkout.measure(self._folder, new)
        self._mark.touch()
        self._reports.say("Merging the changes of the branch", 70)
        try:
            self._update(new)
        except (GitFailed, PrepareFailed, OSError):
            # what was merged until then may have changed where links lead
            with suppress(GitFailed, PrepareFailed, OSError):
                self._make_links(new)
            raise
        self._mark.unlink()

    def _update(self, new: str) -> None:
        before = self._commit(MERGED)
        rewritten = bool(before) and not self._contains(new, before)
        if rewritten or not self._base(new):
            if not self._is_unchanged(before):
                self._reports.note("The branch was rewritten, so its changes cannot be merged.")
                self._checkout.clone()
                return
            self._move_untracked_aside(new)
            self._git(self._folder, "reset", "--hard", "--quiet", new)
        self._restore_deleted(new)
        if not self._contains("HEAD", new):
            self._move_untracked_aside(new)
            self._commit_changes()
            self._merge(new)
        self._git(self._folder, "update-ref", MERGED, new)
        self._checkout.submodules(self._folder, "HEAD")
        self._make_links(new)

    def _make_links(self, new: str) -> None:
        known = [commit for commit in (new, self._commit(MERGED)) if commit]
        self._checkout.make_links(self._folder, *known)

    def _contains(self, commit: str, older: str) -> bool:
        return self._git.works(self._folder, "merge-base", "--is-ancestor", older, commit)

    def _commit(self, name: str) -> str:
        """The commit that a name stands for; empty for none."""
        try:
            return self._git.text(self._folder, "rev-parse", "--verify", "--quiet", name)
        except GitFailed:
            return ""

    def _base(self, new: str) -> str:
        """The commit that both sides come from; empty for none."""
        try:
            return self._git.text(self._folder, "merge-base", "HEAD", new)
        except GitFailed:
            return ""

    def _is_unchanged(self, before: str) -> bool:
        """Whether the user has neither commits nor changes; deleted files are none."""
        changes = self._git.paths(self._folder, *STATUS)
        return self._commit("HEAD") == before and all(each[:2] == " D" for each in changes)

    def _remove_stale_locks(self) -> None:
        """Remove lock files of a git that was killed; raises PrepareFailed for a recent one."""
        for name in ("index.lock", "HEAD.lock", "shallow.lock", "config.lock"):
            lock = self._folder / ".git" / name
            try:
                age = time.time() - lock.stat().st_mtime
            except FileNotFoundError:
                continue
            if not self._was_interrupted and age < STALE_SECONDS:
                raise PrepareFailed(
                    f"Another git command works on {self._checkout.shown} (.git/{name}). Start"
                    " the server again in some minutes."
                )
            lock.unlink(missing_ok=True)
            self._reports.note(f"A lock file that a killed git left was removed: .git/{name}.")

    def _what_the_user_is_doing(self) -> str:
        for name in ("MERGE_HEAD", "rebase-merge", "rebase-apply", "CHERRY_PICK_HEAD"):
            if (self._folder / ".git" / name).exists():
                if name == "MERGE_HEAD" and self._was_interrupted:
                    # all changes were committed before this merge
                    self._git(self._folder, "merge", "--abort")
                    continue
                return "A merge or rebase of yours is not finished."
        on = self._checkout.branch_of(self._folder)
        if on != self._branch:
            return f"You are on the branch {on!a}." if on else "You are on no branch."
        return ""

    def _fetch(self) -> str:
        """Fetch the branch; its commit."""
        self._reports.say(f"Fetching the branch {self._branch}", 10)
        what = f"+refs/heads/{self._branch}:{self._upstream}"
        try:
            self._checkout.fetch(self._folder, self._checkout.project.url, what)
            return self._git.text(self._folder, "rev-parse", self._upstream)
        except GitFailed:
            # git ended by itself, and removed its lock files
            self._mark.unlink()
            raise

    def _restore_deleted(self, new: str) -> None:
        """Files that the user deleted come back, unless the branch deleted them, too."""
        deleted = self._git.paths(self._folder, "ls-files", "--deleted", "-z")
        if not deleted:
            return
        there = set(self._git.paths(self._folder, "ls-tree", "-r", "-z", "--name-only", new))
        back = [path for path in deleted if path in there]
        given = b"".join(os.fsencode(path) + b"\0" for path in back)
        self._git(self._folder, "checkout-index", "-z", "--stdin", given=given)

    def _move_untracked_aside(self, new: str) -> None:
        """Rename files of the user's own that are where the branch adds something."""
        options = ("--name-only", "--no-renames", "--diff-filter=A", "-z")
        added = self._git.paths(self._folder, "diff", *options, "HEAD", new)
        tracked = set(self._git.paths(self._folder, "ls-files", "-z"))
        left: set[Path] = set()
        for path in added:
            if path not in tracked:
                self._clear(path, new, left)

    def _clear(self, path: str, new: str, left: set[Path]) -> None:
        """Make room for a path; `left` are the places that git itself makes room at."""
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            place = self._folder.joinpath(*parts[:count])
            in_the_way = count == len(parts) or place.is_symlink() or not place.is_dir()
            if not os.path.lexists(place) or not in_the_way:
                continue
            if place in left or self._is_of_branch("/".join(parts[:count])):
                left.add(place)
            elif count == len(parts) and self._is_same(place, path, new):
                # an earlier start was killed after it had written this file
                place.unlink()
            else:
                self._set_aside(place)
            return

    def _is_of_branch(self, path: str) -> bool:
        """Whether git knows all that is at a path, and the user changed nothing there."""
        what = ("-z", "--", f":(literal){path}")
        known = self._git.paths(self._folder, "ls-files", "--stage", *what)
        if not known or any(each.startswith("160000 ") for each in known):
            return False
        kinds = ("--modified", "--deleted", "--others")
        return not self._git.paths(self._folder, "ls-files", *kinds, *what)

    def _is_same(self, place: Path, path: str, new: str) -> bool:
        if place.is_symlink() or not place.is_file():
            return False
        wanted = self._git.text(self._folder, "rev-parse", f"{new}:{path}")
        return self._git.text(self._folder, "hash-object", "--", str(place)) == wanted

    def _set_aside(self, place: Path) -> None:
        """Rename a file or folder of the user."""
        kept = self._checkout.aside(place)
        place.rename(kept)
        self._note_kept(place, kept, BOTH_HAVE_IT)

    def _note_kept(self, place: Path, kept: Path, why: str) -> None:
        names = [_harmless(os.path.relpath(each, self._folder)) for each in (place, kept)]
        self._reports.note(f"Your {names[0]} is kept as {names[1]}: {why}.")

    def _commit_changes(self) -> None:
        if self._git(self._folder, *STATUS):
            message = "Changes before an update of the branch"
            self._git(self._folder, "commit", "--all", "--quiet", "--no-verify", "-m", message)
            self._reports.note("Your changes are kept, in a commit before the merge.")

    def _merge(self, new: str) -> None:
        before = self._git.text(self._folder, "rev-parse", "HEAD")
        base = self._git.text(self._folder, "merge-base", "HEAD", new)
        message = f"Merge the branch {self._branch}"
        options = ("--quiet", "--no-edit", "--no-verify", "--no-stat", "--no-commit", "-m", message)
        try:
            self._git(self._folder, "merge", *options, new)
        except GitFailed:
            if not (self._folder / ".git/MERGE_HEAD").exists():
                raise
        self._keep_both(before, new)
        self._check_notebooks(base, before, new)
        if (self._folder / ".git/MERGE_HEAD").exists():
            self._git(self._folder, "commit", "--quiet", "--no-verify", "-m", message)

    def _keep_both(self, before: str, new: str) -> None:
        """Resolve conflicts: the branch's file gets the name, the user's is kept beside it."""
        stages: dict[str, set[str]] = {}
        for entry in self._git.paths(self._folder, "ls-files", "--unmerged", "-z"):
            facts, _, path = entry.partition("\t")
            stages.setdefault(path, set()).add(facts.split()[2])
        for path, found in stages.items():
            if {"2", "3"} <= found:
                why = SAME_LINES if "1" in found else BOTH_HAVE_IT
                self._take_both(path, before, new, why)
            elif os.path.lexists(self._folder / path):
                # only one side has it still: git left that one
                self._git(self._folder, "add", "--force", "--", f":(literal){path}")
                if "2" in found:
                    self._reports.note(f"Your {_harmless(path)} is kept: the branch deleted it.")
            else:
                self._git(self._folder, "rm", "--quiet", "--cached", "--", f":(literal){path}")

    def _take_both(self, path: str, before: str, new: str, why: str) -> None:
        place = self._folder / path
        if self._git.works(self._folder, "cat-file", "blob", f"{before}:{path}"):
            kept = self._checkout.aside(place)
            write_new(kept, self._git(self._folder, "cat-file", "blob", f"{before}:{path}"))
            self._note_kept(place, kept, why)
        self._git(self._folder, "checkout", "--quiet", new, "--", f":(literal){path}")

    def _check_notebooks(self, base: str, before: str, new: str) -> None:
        """Keep both of a notebook that two merged changes broke."""
        changed = [
            set(
                self._git.paths(
                    self._folder, "diff", "--name-only", "--no-renames", "-z", base, side
                )
            )
            for side in (before, new)
        ]
        for path in sorted(changed[0] & changed[1]):
            place = self._folder / path
            if not path.endswith(".ipynb") or place.is_symlink() or not place.is_file():
                continue
            try:
                json.loads(place.read_bytes())
            except (ValueError, RecursionError):
                self._take_both(path, before, new, BROKEN_NOTEBOOK)


# ------------------------------------------------------------------ the page about a failure


def write_page(workspace: Path, reason: str, advice: str) -> None:
    """Put the reason into the workspace, beside the user's files."""
    page = workspace / PAGE
    if os.path.lexists(page) and not _is_ours(page):
        return
    text = (
        f"{PAGE_TITLE}\n\n{reason}\n\nTime: {time.strftime('%Y-%m-%d %H:%M:%S %z')}\n\n"
        f"{advice} Files of yours in this folder are kept.\n"
        "This file is removed when the checkout works.\n"
    )
    workspace.mkdir(parents=True, exist_ok=True)
    new = _new_name(page)
    try:
        write_new(new, text.encode("utf-8", "replace"))
        new.replace(page)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def remove_page(workspace: Path) -> None:
    """Remove the page of an earlier failure."""
    page = workspace / PAGE
    if _is_ours(page):
        page.unlink(missing_ok=True)


def _is_ours(page: Path) -> bool:
    try:
        # a named pipe is opened without a wait
        opened = os.open(page, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        regular = stat.S_ISREG(os.fstat(opened).st_mode)
        first = os.read(opened, 100).partition(b"\n")[0] if regular else b""
    finally:
        os.close(opened)
    return first.rstrip() == PAGE_TITLE.encode()


# ------------------------------------------------------------------------- one at a time


@contextmanager
def state_folder(project: Project, wait: Callable[[], None]) -> Iterator[Path]:
    """A folder beside the workspace, for one checkout at a time.

    The lock is the kernel's (flock), which releases it when its process ends, however it ends.
    """
    folder = project.target.parent / f".{project.target.name}.prepare"
    lock = _lock(folder, wait)
    try:
        _empty(folder)
        yield folder
    finally:
        _empty(folder)
        if not (folder / INTERRUPTED).exists():
            (folder / "lock").unlink()
            # what a git of a killed checkout still writes is removed by the next start
            with suppress(OSError):
                folder.rmdir()
        os.close(lock)


def _lock(folder: Path, wait: Callable[[], None]) -> int:
    while True:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            # its owner ended and removed the folder
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            wait()
            continue
        except OSError:
            log("This file system has no locks: two servers may check out at the same time.")
            return lock
        try:
            current = os.stat(folder / "lock").st_ino
        except FileNotFoundError:
            current = 0
        if current == os.fstat(lock).st_ino:
            return lock
        os.close(lock)


def _empty(folder: Path) -> None:
    """Remove what a checkout leaves, but not the lock and the mark of an interrupted update."""
    for entry in folder.iterdir():
        if entry.name in ("lock", INTERRUPTED):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


# --------------------------------------------------------------------------------- the run


def prepare(where: str, server: int) -> None:
    """Check the project out and report how it went."""
    value: dict[str, Any] = {}
    reason, advice = "", PrepareFailed.advice
    reports = None
    try:
        value = read_json(where)
        reports = ProgressReports(value, server)
        check_out(Project.from_json(value), reports, server)
    except PrepareFailed as error:
        reason, advice = str(error), error.advice
    except GitFailed as error:
        reason = str(explain(error))
    except OSError as error:
        reason = (
            f"The project cannot be written to your home: {error.strerror}. Check the permissions"
            " and the free space of the folder, and start the server again."
        )
    except ServerEnded:
        return
    except Exception as error:
        # the launch has to know whatever happens here
        log(f"{type(error).__name__}: {error}")
        reason = f"prepare failed: {type(error).__name__}. The server's log has the reason."
    if reason:
        fail(value, reports, reason, advice)


def fail(
    value: Mapping[str, Any], reports: "ProgressReports | None", reason: str, advice: str
) -> None:
    """Leave the page, and report the reason."""
    try:
        write_page(home() / _workspace(value.get("workspace"), "workspace"), reason, advice)
    except (PrepareFailed, OSError):
        log("No page about the failure could be written.")
    if reports is None:
        log(f"failed: {reason}")
    else:
        reports.failed(reason)


def check_out(project: Project, reports: ProgressReports, server: int) -> None:
    """Check the project out in the lock of its workspace; raises PrepareFailed, GitFailed."""
    if shutil.which("git") is None:
        raise PrepareFailed(
            "git is not installed where this server runs. Choose another environment or image, or"
            " ask the administrator to install git."
        )
    if project.ca_file and not os.access(project.ca_file, os.R_OK):
        raise PrepareFailed("ca_file cannot be read where this server runs.")
    if project.lfs and shutil.which("git-lfs") is None:
        reports.note("Large files are left as pointers: git-lfs is not installed.")
    end = time.monotonic() + project.max_seconds

    def wait() -> None:
        reports.say(f"Waiting for another server that prepares {project.workspace}", 0)
        check_server(server)
        if time.monotonic() > end:
            raise PrepareFailed(f"Another server still prepares {project.workspace}. Stop it.")
        time.sleep(0.2)

    launcher = project.launcher_url or os.environ.get("LAUNCHER_URL")
    calls = LauncherCalls(launcher, project.ca_file) if launcher else None
    with state_folder(project, wait) as state:
        reports.say(f"Fetching {project.url}", 5)
        credential = Credential(project, calls)
        git = GitCommands(project, server, state, credential, _fetch_progress(reports))
        try:
            Checkout(project, git, reports, state).run()
        except GitFailed as error:
            raise explain(error) from error
    reports.done(f"{project.workspace} is ready.")


def _fetch_progress(reports: ProgressReports) -> Callable[[str], None]:
    """A function that reports the percentages that git prints."""

    def report(printed: str) -> None:
        found = re.findall(r"(Receiving|Resolving|Updating) [a-z]+: +(\d{1,3})%", printed)
        if found:
            kind, percent = found[-1]
            reports.say(f"{kind} {percent} %", 10 + int(percent) * 6 // 10)

    return report


def stop(number: int, frame: Any) -> None:
    """A signal ends the checkout; git ends with it."""
    raise ServerEnded


def run_beside(where: str) -> bool:
    """Start the checkout in a process of its own; True in that process, at its end."""
    server = os.getpid()
    first = os.fork()
    if first:
        if os.waitpid(first, 0)[1]:
            log("The project is not checked out: the system starts no more processes.")
        return False
    # the process between ends, so that the server has no child that it does not know
    try:
        second = os.fork()
    except OSError:
        os._exit(1)
    if second:
        os._exit(0)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, stop)
    try:
        prepare(where, server)
    except ServerEnded:
        log("The checkout was stopped with the server.")
    return True


def main() -> None:
    """Run; `sys.argv` has the project, `--`, and the command of the server."""
    where, command = sys.argv[1:2], sys.argv[3:]
    if sys.argv[2:3] != ["--"] or not command:
        sys.exit("Usage: prepare.py PROJECT -- COMMAND …")
    if shutil.which(command[0]) is None:
        sys.exit(f"The server cannot start: {command[0]!a} is not a program here.")
    try:
        if run_beside(where[0]):
            return
    except OSError as error:
        log(f"The project is not checked out: {error.strerror}.")
    if where[0].startswith("$"):
        os.environ.pop(where[0][1:], None)  # the server and its kernels do not need it
    # Python ignores it, and what is started here must not
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
