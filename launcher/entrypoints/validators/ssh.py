"""Looks at the files of a system's host with SFTP.

Only `realpath` and `stat` are called, never a shell or a command. Nothing of the account that runs
the launcher is used: no agent, no configuration files, no keys or known hosts of its home.
"""

import asyncio
import logging
import re
import stat
from collections import defaultdict
from pathlib import Path
from typing import Any

import asyncssh

from launcher import logs
from launcher.entrypoints import paths
from launcher.entrypoints.model import Expectation, HostReport, System, Validator
from launcher.entrypoints.validators import findings, ssh_errors
from launcher.entrypoints.validators.findings import NotUsable, Roots
from launcher.errors import ConfigError

log = logging.getLogger("launcher.entrypoints.ssh")
log.addFilter(logs.OncePerMinute())

# sshd refuses some of more than 10 connections that have not logged in (MaxStartups)
CONNECTIONS_PER_HOST = 4
SFTP_VERSION = 3


class SshValidator(Validator):
    """Looks whether a file exists on the system's host, below the roots, and can be executed.

    The host is the `hostname` of the system in the configuration, and has to have one of the keys
    in `known_hosts`.
    """

    def __init__(
        self,
        *,
        known_hosts: Any,
        client_keys: Any,
        username: Any,
        roots: Any = ("/",),
        port: Any = 22,
        timeout: Any = 10.0,
    ) -> None:
        """`known_hosts` is a file, `client_keys` a list of private keys without a passphrase.

        In `username`, the account that logs in, {username} stands for the user. `timeout` is in
        seconds, for everything together. Raises ConfigError.
        """
        self._known_hosts = _file(known_hosts, "known_hosts")
        self._client_keys = _client_keys(client_keys)
        self._username = _username(username)
        self._roots = Roots(roots)
        self._port = _port(port)
        self._seconds = findings.seconds(timeout)
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(CONNECTIONS_PER_HOST)
        )
        try:
            self._read_files()
        except ssh_errors.OwnFiles as error:
            raise ConfigError(f"client_keys or known_hosts cannot be used: {error}.") from error

    async def check(self, user: str, system: System, expected: Expectation) -> HostReport:
        """Look at the path on the system's host."""
        finding = self._finding(user, system, expected)
        return await findings.report(system.hostname, expected.path, finding)

    async def _finding(self, user: str, system: System, expected: Expectation) -> str:
        """A sentence about the path; raises NotUsable."""
        if not system.hostname:
            raise NotUsable(
                f"{system.display_name} has no hostname in the launcher's configuration, so nothing"
                " was looked at there."
            )
        try:
            async with asyncio.timeout(self._seconds), self._turns[system.hostname]:
                return await self._look(user, system.hostname, expected)
        except (asyncssh.Error, OSError, ValueError) as error:
            problem = ssh_errors.explained(error, system.hostname, self._seconds)
            log.warning("a host cannot be looked at", extra=problem.logged())
            raise NotUsable(problem.sentence) from error

    async def _look(self, user: str, host: str, expected: Expectation) -> str:
        connection = await self._connect(user, host)
        try:
            sftp = await connection.start_sftp_client(sftp_version=SFTP_VERSION)
            return await _Files(sftp, host, self._roots.of(user)).look(expected)
        finally:
            # a host that hangs would not answer to a polite end
            connection.abort()
            await connection.wait_closed()

    async def _connect(self, user: str, host: str) -> asyncssh.SSHClientConnection:
        """Log in; every default that would read files or variables of this account is replaced."""
        known_hosts, client_keys = await asyncio.to_thread(self._read_files)
        return await asyncssh.connect(
            host,
            self._port,
            config=None,
            tunnel=None,
            proxy_command=None,
            known_hosts=known_hosts,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=[],
            username=self._username.replace(findings.USER, user),
            client_keys=client_keys,
            agent_path=None,
            pkcs11_provider=None,
            password=None,
            gss_host=None,
            preferred_auth=["publickey"],
            disable_trivial_auth=True,
            login_timeout=self._seconds,
        )

    def _read_files(self) -> tuple[asyncssh.SSHKnownHosts, list[asyncssh.SSHKeyPair]]:
        """The known hosts and the keys, read each time: an administrator may replace them."""
        try:
            known_hosts = asyncssh.read_known_hosts(str(self._known_hosts))
            keys = asyncssh.load_keypairs([str(key) for key in self._client_keys])
        except (OSError, ValueError) as error:
            raise ssh_errors.OwnFiles(str(error)) from error
        return known_hosts, list(keys)


class _Files:
    """The files of a host, as SFTP shows them."""

    def __init__(self, sftp: asyncssh.SFTPClient, host: str, roots: tuple[str, ...]) -> None:
        self._sftp = sftp
        self._host = host
        self._roots = roots

    async def look(self, expected: Expectation) -> str:
        """A sentence about the path; raises NotUsable, or an error of asyncssh."""
        resolved = tuple([root for each in self._roots if (root := await self._resolve(each))])
        if not paths.is_below(expected.path, self._roots + resolved):
            raise findings.outside(self._roots)
        path = await self._resolve(expected.path)
        # before the stat: a link must not tell what is in the directories of others
        if path and not paths.is_below(path, resolved):
            raise findings.led_outside(self._roots)
        mode = await self._mode(path) if path else _NOTHING
        if mode == _NOTHING:
            raise NotUsable(
                f"{expected.path} does not exist on {self._host}, or cannot be reached there."
            )
        return self._sentence(expected, mode)

    def _sentence(self, expected: Expectation, mode: int) -> str:
        if not expected.executable:
            return f"{expected.path} exists on {self._host}."
        if not stat.S_ISREG(mode):
            raise NotUsable(f"{expected.path} is not a file on {self._host}.")
        if not mode & 0o111:
            raise NotUsable(
                f"{expected.path} is not executable on {self._host}; chmod +x makes it so."
            )
        whom = "" if mode & stat.S_IXOTH else " for its owner or group"
        return f"{expected.path} exists on {self._host} and is executable{whom}."

    async def _resolve(self, path: str) -> str:
        """The path without links; '' if it cannot be followed."""
        try:
            found = await self._sftp.realpath(path)
        except _ABSENT:
            return ""
        is_normal = found.startswith("/") and ".." not in found.split("/")
        return found if is_normal else ""

    async def _mode(self, path: str) -> int:
        """Type and mode bits; 0 if it is absent or forbidden, which are not told apart."""
        try:
            found = await self._sftp.stat(path)
        except _ABSENT:
            return _NOTHING
        if not found.permissions:
            raise NotUsable(f"{self._host} does not say what kind of file it has at that path.")
        return found.permissions


_NOTHING = 0
# a server says SFTPFailure for what version 3 has no code for, such as a link that leads to itself
_ABSENT = (
    asyncssh.SFTPNoSuchFile,
    asyncssh.SFTPNoSuchPath,
    asyncssh.SFTPPermissionDenied,
    asyncssh.SFTPFailure,
)


def _file(value: Any, name: str) -> Path:
    if not isinstance(value, str | Path) or not Path(value).is_file():
        raise ConfigError(f"{name} must be an existing file.")
    return Path(value).absolute()


def _client_keys(value: Any) -> list[Path]:
    if not isinstance(value, list | tuple) or not value:
        raise ConfigError("client_keys must be a list with the file of a private key.")
    return [_file(key, f"client_keys[{index}]") for index, key in enumerate(value)]


def _username(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^\s:@/-][^\s:@/]{0,254}", value):
        raise ConfigError(
            "username must be the account that logs in; {username} in it stands for the user."
        )
    return value


def _port(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65_536:
        raise ConfigError("port must be a whole number from 1 to 65535.")
    return value
