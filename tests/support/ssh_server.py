"""SSH servers in the process of a test: real ones with SFTP, and ones that misbehave."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh


@dataclass
class SshSite:
    """A server, and the files of a client that may log in."""

    folder: Path
    files: Path
    """What is the root directory of the SFTP server."""
    port: int = 0
    logins: list = field(default_factory=list)
    """The accounts that logged in."""
    requests: list = field(default_factory=list)
    """What was asked of the server: subsystems, commands, shells, and calls of SFTP."""

    def __post_init__(self):
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.key_file, self.known_hosts = self.folder / "client_key", self.folder / "known_hosts"
        self.key.write_private_key(self.key_file)

    def trust(self, host_key):
        """Write the file of known hosts, with this key."""
        line = host_key.export_public_key().decode()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {line}")

    def options(self, **changed):
        """The options of the validator."""
        return {
            "known_hosts": str(self.known_hosts),
            "client_keys": [str(self.key_file)],
            "username": "validator",
            "port": self.port,
            **changed,
        }


def _sftp_of(site, kind):
    class Recording(kind):
        """Writes down the calls."""

        def __init__(self, channel):
            super().__init__(channel, chroot=bytes(site.files))

        def realpath(self, path):
            site.requests.append("realpath")
            return super().realpath(path)

        def stat(self, path):
            site.requests.append("stat")
            return super().stat(path)

        def open(self, path, *how):
            site.requests.append("open")
            return super().open(path, *how)

    return Recording


def _server_of(site, is_open):
    class Server(asyncssh.SSHServer):
        """Accepts the client's key, or everybody."""

        def connection_made(self, conn):
            self.connection = conn

        def begin_auth(self, username):
            return not is_open

        def public_key_auth_supported(self):
            return True

        def validate_public_key(self, username, key):
            return key == site.key.convert_to_public()

        def auth_completed(self):
            site.logins.append(self.connection.get_extra_info("username"))

    return Server


@asynccontextmanager
async def serving(folder, files, *, sftp=asyncssh.SFTPServer, is_open=False):
    """Run a server whose SFTP shows `files`; without `sftp` it has none."""
    site = SshSite(folder, files)

    async def process(process):
        site.requests.append(process.command or process.subsystem or "shell")
        process.exit(0)

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_server_of(site, is_open),
        server_host_keys=[site.host_key],
        process_factory=process,
        sftp_factory=_sftp_of(site, sftp) if sftp else None,
    )
    async with server:
        site.port = server.get_port()
        site.trust(site.host_key)
        yield site


@asynccontextmanager
async def misbehaving(folder, behave):
    """Run a TCP server that hands every connection to `behave(reader, writer)`."""
    site = SshSite(folder, folder)
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.CancelledError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    site.trust(site.host_key)
    yield site
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.wait_closed()


async def silent(reader, _writer):
    """Accept the connection, and say nothing."""
    await asyncio.Event().wait()


async def closing(_reader, writer):
    """Close the connection at once."""


async def web(_reader, writer):
    """Answer as a web server."""
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    await writer.drain()


async def endless(_reader, writer):
    """Send lines without end before the version of the protocol."""
    while True:
        writer.write(b"a" * 80 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


class HangingFiles(asyncssh.SFTPServer):
    """Never answers a stat."""

    async def stat(self, path):
        await asyncio.Event().wait()


class LyingFiles(asyncssh.SFTPServer):
    """Says that every path is another one."""

    def realpath(self, path):
        return b"../../etc/shadow"


class SparseFiles(asyncssh.SFTPServer):
    """Does not say the mode of a file."""

    def stat(self, path):
        return asyncssh.SFTPAttrs(size=1)
