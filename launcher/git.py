"""Runs git as a child process: a clean environment, https only, no redirects, with bounds."""

import asyncio
import base64
import logging
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from launcher import child_processes, git_failures, logs, redaction
from launcher.errors import ConfigError, GitHostBusy, GitHostTimeout, GitHostUnavailable, NotFound

log = logging.getLogger("launcher.git")
log.addFilter(logs.OncePerMinute())

SECONDS = 30.0
MAX_OUTPUT = 8 * 2**20
MAX_STDERR = 64 * 2**10
MAX_FILE = 256 * 2**20
"""The size of a file that git may write, in bytes."""
MAX_MEMORY = 512 * 2**20
"""The address space of each process of git, in bytes; a lookup needs less than 64 MiB."""
MAX_AT_ONCE = 8
MAX_PER_HOST = 4
"""A host that hangs leaves the rest to other hosts."""
# http.curloptResolve, which pins the address of a host; GIT_CONFIG_COUNT is older
OLDEST = (2, 37)

_ADVERTISED = re.compile(rb"([0-9a-f]{40})\t([^\x00-\x20\x7f]+)")
_HEAD = re.compile(rb"ref: refs/heads/([^\x00-\x20\x7f]+)\tHEAD")
_VERSION = re.compile(r"git version (\d+)\.(\d+)")
# blocks of 512 bytes (POSIX); whoever may not change a limit has a lower one, or a system without
_WITH_LIMITS = """\
ulimit -v {kibibytes} 2>/dev/null
ulimit -f {blocks} 2>/dev/null
exec "$0" "$@"
"""
_NO_OBJECT = "f" * 40

_CONFIG = {
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "http.followRedirects": "false",
    "http.sslVerify": "true",
    "http.proxy": "",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "20",
    "credential.helper": "",
    "core.askPass": "",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "submodule.recurse": "false",
    # each thread reserves memory, and there are as many as processors
    "pack.threads": "1",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
_ENVIRONMENT = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
    # no repository of the launcher's own has a say
    "GIT_DIR": "/nonexistent",
}


class CommitUncertain(Exception):
    """The host does not tell whether it has a commit, unless a branch or tag points to it."""


@dataclass(frozen=True)
class Login:
    """What git sends to a host; only to that one."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The HTTP header (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Authorization: Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True)
class Remote:
    """The URL of a repository, and how to reach it."""

    url: str
    host: str
    """The URL of the host, without a slash at its end."""
    display_name: str
    """The host's name for users."""
    addresses: tuple[str, ...] = ()
    """The IP addresses to connect to; empty if the URL has one, or if any will do."""
    ca_file: str = ""
    login: Login | None = None

    def config(self) -> dict[str, str]:
        """The settings of git for this repository."""
        found = {}
        if self.login:
            found[f"http.{self.host}/.extraHeader"] = self.login.header
        if self.ca_file:
            found["http.sslCAInfo"] = self.ca_file
        if self.addresses:
            name, _, port = self.host.removeprefix("https://").partition(":")
            known = ",".join(f"[{each}]" if ":" in each else each for each in self.addresses)
            found["http.curloptResolve"] = f"{name}:{port or 443}:{known}"
        return found


@dataclass(frozen=True)
class Advertisement:
    """The refs that a host shows, such as `refs/heads/main`, with their objects."""

    refs: Mapping[str, str]
    """A tag with an object of its own has a second entry, whose name ends with `^{}`."""
    head: str = ""
    """The branch that HEAD names, if it was asked for."""


class Git:
    """The git program.

    At most `MAX_AT_ONCE` processes run at the same time, `MAX_PER_HOST` of them for one host.
    """

    def __init__(
        self,
        program: str = "",
        *,
        seconds: float = SECONDS,
        max_output: int = MAX_OUTPUT,
        max_file: int = MAX_FILE,
        max_memory: int = MAX_MEMORY,
    ) -> None:
        """`program` is a path, '' for git on the PATH.

        `seconds` bounds each command, `max_output` the bytes that are read from it, `max_file` the
        bytes of each file that it writes, and `max_memory` (on Linux) those of each process.
        """
        self._seconds = seconds
        self._max_output = max_output
        self._limits = _WITH_LIMITS.format(kibibytes=max_memory // 1024, blocks=max_file // 512)
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._slots_of: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(MAX_PER_HOST)
        )
        self._program = program or shutil.which("git") or "git"

    async def check(self) -> None:
        """Raise ConfigError if git is missing, or too old for what is set here."""
        wanted = ".".join(map(str, OLDEST))
        if not shutil.which(self._program):
            raise ConfigError(f"git cannot be run: install git {wanted} or later.")
        code, output, _ = await self._run(["version"])
        found = _VERSION.match(output.decode("ascii", "replace"))
        if code or not found or tuple(map(int, found.groups())) < OLDEST:
            raise ConfigError(f"git is too old: install git {wanted} or later.")

    async def ls_remote(
        self, remote: Remote, patterns: Sequence[str] = (), *, head: bool = False
    ) -> Advertisement:
        """The branches and tags that match a pattern, such as `refs/heads/main`; or HEAD.

        Raises NotFound, GitCredentialRefused, and GitHostUnavailable with its subclasses.
        """
        which = ["--symref", "--", remote.url, "HEAD"]
        if not head:
            which = ["--heads", "--tags", "--", remote.url, *patterns]
        output = await self._ask(remote, ["ls-remote", *which])
        refs = {name.decode("utf-8", "replace"): sha.decode() for sha, name in _lines(output)}
        named = _HEAD.search(output)
        return Advertisement(refs, named[1].decode("utf-8", "replace") if named else "")

    async def find_commit(self, remote: Remote, sha: str) -> str:
        """The commit with that full sha, or the one that the tag object points to.

        Only the commit is fetched, where the host can filter. Raises as `ls_remote`, and
        CommitUncertain if the host refuses to tell, or sends too much.
        """
        if not re.fullmatch("[0-9a-f]{40}", sha):
            raise ValueError("not the full sha of a commit")
        async with _temporary_directory() as folder:
            own = {"GIT_DIR": folder}
            await self._run(["init", "--quiet", "--bare", "--template="], environment=own)
            fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"]
            await self._ask(remote, [*fetch, "--filter=tree:0", "--", remote.url, sha], own)
            code, output, said = await self._run(
                ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{sha}^{{commit}}"],
                environment=own,
            )
        if code and git_failures.is_uncertain(said):
            raise CommitUncertain
        if code:
            raise NotFound(f"{sha[:12]} is not a commit of this project.")
        return output.decode("ascii").strip()

    async def check_host(self, remote: Remote) -> None:
        """Raise GitHostUnavailable if the host does not speak git's protocol; or as `ls_remote`.

        `ls_remote` takes any page for a host of the dumb protocol (gitprotocol-http), which has no
        branches. An object can be fetched from it with another protocol only.
        """
        with suppress(NotFound, CommitUncertain):
            await self.find_commit(remote, _NO_OBJECT)

    async def _ask(
        self, remote: Remote, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> bytes:
        """The output of a command that asks the host; raises the error for its failure."""
        try:
            code, output, stderr = await self._run(arguments, remote, environment)
        except TimeoutError as error:
            raise GitHostTimeout(
                f"{remote.display_name} did not respond within {self._seconds:g} seconds. Try again"
                " later.",
                retry_after=30,
            ) from error
        if code == 0:
            return output
        said = git_failures.without_echo(stderr, remote.url)
        if arguments[0] == "fetch" and git_failures.is_uncertain(said):
            raise CommitUncertain
        failure = git_failures.failure(said, remote.display_name, with_login=bool(remote.login))
        if isinstance(failure, GitHostUnavailable):
            extra = {"host": remote.display_name, "reason": redaction.redact(said)}
            log.warning("git got no answer", extra=extra)
        raise failure

    async def _run(
        self,
        arguments: Sequence[str],
        remote: Remote | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, str]:
        """The exit code, the output and the messages; raises TimeoutError, GitHostBusy."""
        async with self._slot(remote):
            # the limits hold from git's first instruction; it and its arguments are no shell code
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", self._limits, self._program, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**self._environment(remote.config() if remote else {}), **(environment or {})},
                cwd="/",
                start_new_session=True,
            )
            return await self._result(process)

    async def _result(self, process: asyncio.subprocess.Process) -> tuple[int, bytes, str]:
        assert process.stdout is not None  # noqa: S101 - a pipe
        assert process.stderr is not None  # noqa: S101 - a pipe
        ended = False
        stderr = asyncio.ensure_future(_beginning(process.stderr))
        try:
            async with asyncio.timeout(self._seconds):
                output = await _whole(process.stdout, self._max_output)
                messages = await stderr
                code = await process.wait()
                ended = True
        finally:
            if not ended:
                await asyncio.shield(_end(process, stderr))
        return code, output, messages.decode("utf-8", "replace")

    @asynccontextmanager
    async def _slot(self, remote: Remote | None) -> AsyncIterator[None]:
        async with AsyncExitStack() as slots:
            try:
                async with asyncio.timeout(self._seconds):
                    if remote:
                        await slots.enter_async_context(self._slots_of[remote.host])
                    await slots.enter_async_context(self._slots)
            except TimeoutError as error:
                raise GitHostBusy(
                    "Many projects are being looked up. Try again in a minute.", retry_after=30
                ) from error
            yield

    def _environment(self, config: Mapping[str, str]) -> dict[str, str]:
        """The environment of git, with its settings: others can read a command line."""
        settings = {**_CONFIG, **config}
        numbered = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (name, value) in enumerate(settings.items()):
            numbered[f"GIT_CONFIG_KEY_{number}"] = name
            numbered[f"GIT_CONFIG_VALUE_{number}"] = value
        path = f"{os.path.dirname(self._program)}:/usr/bin:/bin"
        return {"PATH": path, **_ENVIRONMENT, **numbered}


def _lines(output: bytes) -> list[tuple[bytes, bytes]]:
    found = (_ADVERTISED.fullmatch(line) for line in output.splitlines())
    return [(each[1], each[2]) for each in found if each]


async def _whole(stream: asyncio.StreamReader, most: int) -> bytes:
    """All bytes until the end; raises GitHostUnavailable if there are more than `most`."""
    body = bytearray()
    while chunk := await stream.read(2**16):
        body += chunk
        if len(body) > most:
            raise GitHostUnavailable("The project has too many branches and tags to list them.")
    return bytes(body)


async def _beginning(stream: asyncio.StreamReader) -> bytes:
    """The first bytes; the rest is read and dropped."""
    body = bytearray()
    while chunk := await stream.read(2**16):
        body += chunk[: MAX_STDERR - len(body)]
    return bytes(body)


async def _end(process: asyncio.subprocess.Process, stderr: asyncio.Future[bytes]) -> None:
    """End git and its children."""
    stderr.cancel()
    await asyncio.wait([stderr])
    await child_processes.end(process)


@asynccontextmanager
async def _temporary_directory() -> AsyncIterator[str]:
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="launcher-git-")
    try:
        yield folder
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
