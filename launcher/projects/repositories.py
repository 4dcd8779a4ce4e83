"""Parses the URLs of repositories, and the names of projects."""

import re
from urllib.parse import urlsplit

from launcher.errors import BadRequest
from launcher.projects.hosts import GitHosts
from launcher.projects.model import GitHost, ProjectPath, Repository

MAX_URL = 2000
MAX_NAMES = 20
# nothing that has to be quoted in a URL
_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~+][A-Za-z0-9._~+-]{0,254}", re.ASCII)


def parse_url(hosts: GitHosts, text: str, pointer: str = "/repository") -> Repository:
    """The repository with that URL on one of the hosts; raises BadRequest."""
    if found := _problem(text):
        raise _refused(pointer, found)
    host = hosts.find(text, pointer)
    path = urlsplit(text).path.removeprefix("/").removesuffix("/")
    return _repository(host, tuple(path.split("/")), pointer)


def parse_project(hosts: GitHosts, namespace: str, project: str) -> Repository:
    """The project of a namespace, such as `group/subgroup`, on the first of the hosts.

    Raises BadRequest.
    """
    if "/" in project:
        raise _refused("/project", "must be one name without '/'; the rest is the namespace")
    groups = tuple(namespace.split("/"))
    for name in groups:
        _check(name, "/namespace")
    return _repository(hosts.first, (*groups, project), "/project")


def _problem(text: str) -> str:
    """Why a text cannot be the URL of a repository, or ''; it never quotes the text."""
    if len(text) > MAX_URL:
        return f"must have at most {MAX_URL} characters"
    if re.search(r"[^!-~]", text):
        return "must be ASCII characters without spaces"
    # "ext::" and "host:path" are git's own ways to name a repository
    if not re.match("https://[^/]", text, re.IGNORECASE):
        return "must begin with https://"
    if "@" in text.split("/")[2]:
        return "must not contain a user name, password or token; store an access token instead"
    if "?" in text or "#" in text:
        return "must be without '?' and '#' and what follows them"
    if "%" in text or "\\" in text:
        return "must not contain '%' or '\\'"
    return ""


def _repository(host: GitHost, names: ProjectPath, pointer: str) -> Repository:
    if len(names) > MAX_NAMES:
        raise _refused(pointer, f"must have at most {MAX_NAMES} names below the host")
    for name in names:
        if name == "-":
            raise _refused(pointer, "must end before '/-/', which belongs to a page of the project")
        _check(name, pointer)
    try:
        path = host.provider.parse_path(names)
    except ValueError as error:
        raise _refused(pointer, str(error)) from error
    _check(path[-1], pointer)
    canonical = tuple(map(str.lower, path)) if host.provider.ignores_case else path
    return Repository(host, canonical, path)


def _check(name: str, pointer: str) -> None:
    if not name:
        raise _refused(pointer, "must name a repository, without two slashes in a row")
    if name.startswith("-"):
        raise _refused(pointer, "must not contain a name that begins with '-'")
    if not _NAME.fullmatch(name):
        raise _refused(
            pointer,
            "must contain names of at most 255 letters, digits, '.', '_', '~', '+' and '-', and"
            " neither '.' nor '..'",
        )


def _refused(pointer: str, sentence: str) -> BadRequest:
    field = pointer.rpartition("/")[2]
    return BadRequest(f"{field} {sentence}.", errors=[{"pointer": pointer, "detail": sentence}])
