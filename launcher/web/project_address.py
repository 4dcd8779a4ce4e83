"""What people fill in or paste for a repository: its address, its name, or that of a page of it."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from launcher.errors import BadRequest
from launcher.projects.hosts import GitHosts
from launcher.projects.model import Repository
from launcher.projects.repositories import parse_url

POINTER = "/repository"
_PATH = re.compile(r"[^/:@\s]+(?:/[^/:@\s]+)+/?")
_WORD = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class FolderPage:
    """The page of a file or folder at a git host."""

    repository: str
    """The URL."""
    ref: str
    path: str
    """Of the file or folder; '' for the whole project."""


def repository(hosts: GitHosts, text: str) -> Repository:
    """The repository that a text of the form names; raises BadRequest."""
    url = repository_url(hosts, text)
    if "://" not in url and _WORD.fullmatch(url):
        sentence = f"must be like {hosts.first.url}/group/project, or group/project"
        raise BadRequest(
            f"repository {sentence}.", errors=[{"pointer": POINTER, "detail": sentence}]
        )
    return parse_url(hosts, url, POINTER)


def repository_url(hosts: GitHosts, text: str) -> str:
    """The URL of a repository that may be written as `namespace/project`, or without https://."""
    if "://" in text:
        return text
    names = {urlsplit(host.url).netloc for host in hosts}
    if text.partition("/")[0].lower() in names:
        return f"https://{text}"
    return f"{hosts.first.url}/{text}" if _PATH.fullmatch(text) else text


def folder_page(hosts: GitHosts, text: str) -> FolderPage | None:
    """The page of a file or folder that a text is the address of; None if it is none."""
    try:
        url = repository_url(hosts, text)
        host = hosts.find(url)
        parts = urlsplit(url)
    except (BadRequest, ValueError):
        return None
    pattern = host.provider.page_of_folder
    found = pattern.fullmatch(parts.path.strip("/")) if pattern else None
    if found is None or "@" in parts.netloc:
        return None
    return FolderPage(
        f"{host.url}/{found['repository']}", unquote(found["ref"]), unquote(found["path"] or "")
    )
