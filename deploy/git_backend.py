"""Answers requests of git clients with git's own `git http-backend`, as a handler of aiohttp."""

import asyncio
import os
import subprocess
from pathlib import Path

from aiohttp import web


def find_backend() -> Path:
    """The path of git's CGI program; raises OSError if there is none."""
    folder = subprocess.run(
        ["git", "--exec-path"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (Path(folder) / "git-http-backend").resolve(strict=True)


async def answer(
    request: web.Request, backend: Path, root: Path, *, only_version_0: bool = False
) -> web.Response:
    """What git answers for the repositories below `root`, all of which can be read.

    `only_version_0` is of git's protocol, as hosts with an old git have it.
    """
    body = await request.read()
    asked = "" if only_version_0 else request.headers.get("Git-Protocol", "")
    process = await asyncio.create_subprocess_exec(
        backend,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": asked,
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
        },
    )
    output, _ = await process.communicate(body)
    head, _, content = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(headers.pop("Status", "200").split()[0])
    return web.Response(status=status, headers=headers, body=content)
