"""Requests to the API of a git host, with its errors as sentences."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver

from launcher import git_failures, outbound
from launcher.errors import LauncherError, NotFound

SECONDS = 20.0
MAX_BYTES = 2**20
# what a host asks for at most: a limit by the hour
MAX_RETRY_AFTER = 3600
_DIGITS = re.compile(r"[0-9]{1,12}")
KIND = "git_host"


@asynccontextmanager
async def open_session(
    resolver: AbstractResolver,
    on_end: Callable[[str, str, float], None],
    *,
    connections: int = 20,
    on_error: Callable[[str, outbound.OutboundError], None] = lambda kind, error: None,
) -> AsyncIterator[outbound.Session]:
    """A session as `outbound.open_session` has, which connects to the resolver's addresses only."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=connections, keepalive_timeout=10, resolver=resolver, use_dns_cache=False
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
    ) as http:
        yield outbound.Session(http, on_end, on_error)


@dataclass(frozen=True)
class HostApi:
    """The API of one git host, with the credential of one user."""

    session: outbound.Session
    url: str
    """Without a slash at its end."""
    display_name: str
    headers: Mapping[str, str] = field(repr=False)
    has_credential: bool
    tls: ssl.SSLContext | None = None
    seconds: float = SECONDS
    """The timeout of a request."""

    async def get(self, path: str, **headers: str) -> outbound.Response:
        """The response with the status 200 to a GET; `path` begins with a slash and is quoted.

        Raises NotFound, GitCredentialRefused, GitHostBusy, GitHostUnavailable and its subclasses.
        """
        options: dict[str, Any] = {"headers": {**self.headers, **headers}}
        if self.tls:
            options["ssl"] = self.tls
        try:
            async with asyncio.timeout(self.seconds):
                response = await outbound.fetch(
                    self.session, "GET", self.url + path, kind=KIND, most=MAX_BYTES, **options
                )
        except TimeoutError as error:
            raise git_failures.timed_out(self.display_name) from error
        except outbound.OutboundError as error:
            raise self._unreachable(error) from error
        if response.status != 200:
            raise self._failure(response)
        return response

    async def get_object(self, path: str) -> dict[str, Any]:
        """The JSON object of a response; raises as `get`."""
        response = await self.get(path, Accept="application/json")
        try:
            found = response.json() if response.is_json else None
        except outbound.OutboundError:
            found = None
        if not isinstance(found, dict):
            raise git_failures.unavailable(self.display_name, "does not answer as its API should")
        return found

    def commit_in(self, found: Any, sha: str) -> str:
        """The full sha that was found, if it begins with `sha`; raises as `get`."""
        if not isinstance(found, str) or not re.fullmatch("[0-9a-f]{40}", found):
            raise git_failures.unavailable(self.display_name, "does not answer as its API should")
        if found.startswith(sha):
            return found
        # a branch may have a name of hexadecimal digits
        raise NotFound(f"This project has no commit {sha} on {self.display_name}.")

    def _failure(self, response: outbound.Response) -> LauncherError:
        if seconds := _limited(response):
            return git_failures.busy(self.display_name, seconds)
        # GitHub: "No commit found for SHA"
        status = 404 if response.status == 422 else response.status
        return git_failures.of_status(status, self.display_name, with_login=self.has_credential)

    def _unreachable(self, error: outbound.OutboundError) -> LauncherError:
        cause = error.__cause__
        if isinstance(cause, aiohttp.ClientConnectorCertificateError):
            return git_failures.untrusted(self.display_name)
        if isinstance(cause, TimeoutError):
            return git_failures.timed_out(self.display_name)
        if isinstance(error, outbound.ResponseTooLarge):
            return git_failures.unavailable(self.display_name, "sends too large a response")
        return git_failures.unavailable(self.display_name, "cannot be reached")


def _limited(response: outbound.Response) -> int:
    """The seconds to wait if the response says that there were too many requests, or 0."""
    headers = response.headers
    used_up = headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in headers
    if response.status != 429 and not (response.status == 403 and used_up):
        return 0
    reset = headers.get("X-RateLimit-Reset") or headers.get("RateLimit-Reset") or ""
    after = headers.get("Retry-After", "")
    if _DIGITS.fullmatch(after):
        seconds = int(after)
    elif _DIGITS.fullmatch(reset):
        seconds = int(int(reset) - time.time()) + 1
    else:
        seconds = 60
    return min(max(seconds, 1), MAX_RETRY_AFTER)
