"""Servers on loopback: files and git repositories over http, and a dataset over OPeNDAP."""

import contextlib
import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    """Serves a directory and keeps the tests' output clean."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def running(server: http.server.HTTPServer) -> Iterator[str]:
    """Run the server in a thread, and yield its address without a slash at the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def files(directory: Path) -> contextlib.AbstractContextManager[str]:
    """A web server for the files of a directory."""
    handler = functools.partial(QuietFiles, directory=str(directory))
    return running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))


@contextlib.contextmanager
def opendap() -> Iterator[str]:
    """A pydap server for the atlas, as a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("atlas.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def publish(files: Path, repository: Path) -> None:
    """Commit the files, and lay a bare repository where a plain web server can give it away."""
    identity = ["-c", "user.name=Data", "-c", "user.email=data@example.org"]
    git("init", "--quiet", "--initial-branch=main", str(files))
    git("-C", str(files), "add", "--all")
    git("-C", str(files), *identity, "commit", "--quiet", "--message=Data")
    git("clone", "--quiet", "--bare", str(files), str(repository))
    git("-C", str(repository), "update-server-info")


def git(*arguments: str) -> None:
    """Run git, and fail when it does."""
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def usgs(waterml: str) -> contextlib.AbstractContextManager[str]:
    """A proxy that gives one answer to whoever asks for a discharge of the station of the tests."""

    class Answer(QuietFiles):
        def do_GET(self) -> None:
            asked = "waterservices.usgs.gov/nwis/iv" in self.path and "sites=03109500" in self.path
            body = waterml.encode() if asked else b""
            self.send_response(200 if asked else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer))
