"""The installation that is checked: its settings, and what its hub and launcher answer.

Each question is asked once, by the first check that needs the answer.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa

from launcher import internal_ssl, outbound, urls
from launcher.cli.doctor.results import Skip
from launcher.config import Launcher
from launcher.configured import ConfiguredProjects
from launcher.errors import HubUnavailable
from launcher.hub import Hub, not_from_hub, users
from launcher.hub.version import version
from launcher.outbound import OutboundError, Response

T = TypeVar("T")

# in front of what every hub has; a hub redirects a path that is not below its own to /hub/<path>
_BASE_PATH = re.compile(
    r"(?:^https?://[^/]+|^|[\"'])((?:/[\w.~@%+-]+)*?)/hub/(?:hub/)?(?:static|logo|api)"
)

CONNECTIONS = 4
ANSWER_SECONDS = 10.0


class HubAway(Skip):
    """The hub's API cannot be used; `reason` is about "it"."""

    def __init__(self, reason: str, base_path: str | None = None) -> None:
        super().__init__("The hub cannot be reached.")
        self.reason = reason
        self.base_path = base_path
        """The base path in the hub's own response, if it differs from the configured one."""


class HubFails(Skip):
    """The hub's API works, but its response does not identify the owner of the launcher's token."""


class UnknownToken(Skip):
    """The hub does not know the launcher's token."""

    def __init__(self) -> None:
        super().__init__("The hub does not accept the launcher's token.")


@dataclass(frozen=True)
class Root:
    """The hub's answer about its API, and when it came."""

    answer: Response
    at: float
    """Seconds since 1970, by this machine's clock."""


@dataclass(frozen=True)
class Page:
    """The response at an address of the launcher; `answer` is None if there was none."""

    answer: Response | None
    reason: str = ""

    @property
    def from_launcher(self) -> bool:
        """Whether it is the launcher's response to /health."""
        return self.body == {"ok": True}

    @property
    def body(self) -> Any:
        """The decoded JSON, None when it is something else."""
        try:
            return self.answer.json() if self.answer else None
        except OutboundError:
            return None


class Site:
    """One installation; tasks are its answers, made once."""

    def __init__(
        self,
        settings: Launcher,
        projects: ConfiguredProjects,
        session: outbound.Session,
        to_git_hosts: outbound.Session,
        *,
        url: str = "",
        user: str = "",
    ) -> None:
        """`url` is the public URL of the launcher, `user` the name of a user to check."""
        self.settings = settings
        self.projects = projects
        self.session = session
        self.to_git_hosts = to_git_hosts
        self.user = user
        self._url = url.rstrip("/")
        self.hub = Hub(session, settings.hub_api_url, settings.api_token)

    @property
    def database_file(self) -> Path | None:
        """SQLite's file; None when the database is another one, or the URL cannot be read."""
        try:
            url = sa.make_url(self.settings.database_url)
        except sa.exc.ArgumentError:
            return None
        is_file = url.get_backend_name() == "sqlite" and url.database
        return Path(url.database or "") if is_file else None

    @property
    def local_url(self) -> str:
        """Where the launcher answers on its own machine."""
        scheme = "https" if self.settings.serves_tls else "http"
        return f"{scheme}://{self.settings.bind}{self.settings.prefix}"

    @property
    def public_url(self) -> str:
        """The public URL of the launcher, '' if the settings do not contain it."""
        if self._url or not self.settings.prefix:
            return self._url
        hub = urlsplit(self.settings.public_url())
        return f"{hub.scheme}://{hub.netloc}{self.settings.prefix}"

    @cached_property
    def root(self) -> "asyncio.Task[Root]":
        """The hub's answer about its API; raises HubAway."""
        return _once(self._root())

    @cached_property
    def version(self) -> "asyncio.Task[tuple[int, int, int] | None]":
        """The hub's version, None if its response has none; raises HubAway."""
        return _once(self._version())

    @cached_property
    def identity(self) -> "asyncio.Task[users.Identity]":
        """The owner of the launcher's token; raises HubAway, HubFails, UnknownToken."""
        return _once(self._identity())

    @cached_property
    def local(self) -> "asyncio.Task[Page]":
        """The launcher's response on its own machine."""
        return _once(self._page(self.local_url))

    @cached_property
    def public(self) -> "asyncio.Task[Page]":
        """The response at the public URL."""
        return _once(self._page(self.public_url))

    async def served(self) -> str:
        """A URL at which the launcher answers, the public one if possible; raises Skip."""
        if self.public_url and (await self.public).from_launcher:
            return self.public_url
        if (await self.local).from_launcher:
            return self.local_url
        raise Skip(f"The launcher does not run: it does not answer at {self.local_url}.")

    async def _root(self) -> Root:
        url = self.hub.url()
        try:
            answer = await outbound.fetch(
                self.session, "GET", url, kind="hub.version", seconds=ANSWER_SECONDS
            )
        except OutboundError as error:
            raise HubAway(str(error)) from error
        if reason := not_from_hub(answer):
            raise HubAway(reason, _base_path(answer))
        return Root(answer, time.time())

    async def _version(self) -> tuple[int, int, int] | None:
        await self.root
        return await version(self.hub)

    async def _identity(self) -> users.Identity:
        await self.root
        try:
            identity = await users.identify(self.hub, self.hub.token)
        except HubUnavailable as error:
            raise HubFails(error.detail) from error
        if identity is None:
            raise UnknownToken
        return identity

    async def _page(self, url: str) -> Page:
        try:
            answer = await outbound.fetch(
                self.session,
                "GET",
                urls.join(url, "health"),
                kind="launcher.health",
                seconds=ANSWER_SECONDS,
            )
        except OutboundError as error:
            return Page(None, str(error))
        return Page(answer, f"something else answers there (HTTP {answer.status})")


@asynccontextmanager
async def open_site(
    settings: Launcher, projects: ConfiguredProjects, *, url: str = "", user: str = ""
) -> AsyncIterator[Site]:
    """The installation with these settings, and sessions for its questions."""
    files = settings.certificates
    tls = internal_ssl.client_context(files) if files else None
    async with (
        outbound.open_session(lambda *call: None, connections=CONNECTIONS, tls=tls) as session,
        projects.open_session(lambda *call: None) as to_git_hosts,
    ):
        yield Site(settings, projects, session, to_git_hosts, url=url, user=user)


def _once(question: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    return asyncio.create_task(question)


def _base_path(answer: Response) -> str | None:
    """The hub's base URL in one of its pages or redirects, without its last slash."""
    page = answer.headers.get("Location", "") + answer.body.decode("utf-8", "replace")
    found = _BASE_PATH.search(page)
    return found[1] if found else None
