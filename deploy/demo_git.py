"""The demo's git host: a course that it makes on this machine, served over https on loopback.

As a program, it serves: demo_git.py ROOT PORT CERTIFICATE
"""

import asyncio
import shutil
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import git_backend
from aiohttp import web
from certificates import Authority
from git_repository import BareRepository

from launcher.errors import ConfigError
from launcher.git import OLDEST, Git

FILES = Path(__file__).parent / "demo"
NAMESPACE, PROJECT = "demo", "course"
# as long as somebody may leave the demo running
DAYS = 90


def why_not() -> str:
    """Why there can be no git host: the end of a sentence; '' if there can be one."""
    program = shutil.which("git")
    if program is None:
        return f"git is not on the PATH: install git {'.'.join(map(str, OLDEST))} or later"
    try:
        asyncio.run(Git(program).check())
        git_backend.find_backend()
    except ConfigError as error:
        return str(error).removesuffix(".")
    except OSError:
        return "git has no http-backend: install the whole of git"
    return ""


def prepare(folder: Path, port: int) -> dict[str, Any]:
    """Make the course, unless it is there, and a new certificate; what the demo has to know."""
    course = _repository(folder / "root" / NAMESPACE / f"{PROJECT}.git")
    certificates = folder / "certificates"
    shutil.rmtree(certificates, ignore_errors=True)
    certificates.mkdir(mode=0o700)
    authority = Authority(certificates, days=DAYS)
    return {
        "url": f"https://127.0.0.1:{port}",
        "ca_file": str(authority.bundle),
        "certificate": str(authority.server_file(days=DAYS)),
        "root": str(folder / "root"),
        "commit_sha": course.tip(),
    }


def command(git: dict[str, Any]) -> list[str]:
    """The command that serves what was prepared."""
    port = git["url"].rpartition(":")[2]
    return [sys.executable, __file__, git["root"], port, git["certificate"]]


def link(launcher: str, git: dict[str, Any]) -> str:
    """The link to the form that starts a server for the course, which follows its branch."""
    repository = f"{git['url']}/{NAMESPACE}/{PROJECT}"
    query = {"repo": repository, "ref": "main", "follow": "branch"}
    return f"{launcher}/launch/?{urlencode({**query, 'notebook': 'first-steps.ipynb'})}"


def _repository(path: Path) -> BareRepository:
    """The course with two branches and a tag: complete, or not there."""
    if not path.is_dir():
        unfinished = path.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        course = BareRepository(unfinished)
        first = course.commit(_files(FILES / "course"), message="Begin the course")
        course.tag("v1", first)
        solutions = _files(FILES / "solutions")
        course.commit(solutions, branch="solutions", parent=first, message="Answer the question")
        unfinished.rename(path)
    return BareRepository(path)


def _files(folder: Path) -> dict[str, str]:
    """The text of each file, by its path in the folder."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in found}


def serve(root: Path, port: int, certificate: Path) -> None:
    """Serve the repositories below `root` until a signal comes."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    backend = git_backend.find_backend()

    async def answer(request: web.Request) -> web.Response:
        return await git_backend.answer(request, backend, root)

    application = web.Application(client_max_size=2**27)
    application.router.add_route("*", "/{path:.*}", answer)
    web.run_app(application, host="127.0.0.1", port=port, ssl_context=context, print=None)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
