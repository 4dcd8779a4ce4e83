"""HTTP requests to other services, with timeouts, a maximum response size and no redirects."""

import json
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import yarl

from launcher import logs

log = logging.getLogger("launcher.outbound")
log.addFilter(logs.OncePerMinute())

# the maximum size of a response whose body holds only a status or an error
SHORT_BYTES = 64 * 2**10
CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
# for the whole response: a server that sends single bytes never reaches READ_SECONDS
WHOLE_SECONDS = 120.0


class OutboundError(Exception):
    """The request got no complete response.

    `sent` is False if the request cannot have been carried out. `refused` means that the connection
    was refused. The text is the reason, in which "it" is the other service; it contains no address
    and no secret.
    """

    def __init__(self, reason: str, *, sent: bool, refused: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent
        self.refused = refused


class ResponseTooLarge(OutboundError):
    """The response is larger than allowed; the rest was not read."""

    def __init__(self) -> None:
        super().__init__("its response is too large", sent=True)


@dataclass(frozen=True)
class Response:
    """A response: status, headers and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether the Content-Type is JSON."""
        return self.media_type == "application/json"

    @property
    def media_type(self) -> str:
        """The Content-Type in lower case, without parameters."""
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    def json(self) -> Any:
        """The decoded body; raises OutboundError if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OutboundError("its response is not JSON", sent=True) from error


@dataclass(frozen=True)
class Session:
    """A connection pool, with callbacks for every request."""

    http: aiohttp.ClientSession
    on_end: Callable[[str, str, float], None]
    """Called with the kind of a request, its status ('none': no response) and its seconds."""
    on_error: Callable[[str, OutboundError], None] = lambda kind, error: None
    """Called with the kind of a request that got no response, and the error."""


@asynccontextmanager
async def open_session(
    on_end: Callable[[str, str, float], None],
    *,
    connections: int,
    on_error: Callable[[str, OutboundError], None] = lambda kind, error: None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Session]:
    """Open a session without cookies, with at most `connections` concurrent connections.

    `on_end` and `on_error` are those of `Session`. `tls` is for https, instead of the default.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=10, ssl=tls or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        # the size limits apply to bytes on the wire: a small archive may expand to gigabytes
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
    ) as http:
        yield Session(http, on_end, on_error)


@asynccontextmanager
async def stream(
    session: Session,
    method: str,
    url: str,
    *,
    kind: str,
    seconds: float | None = READ_SECONDS,
    total: float | None = None,
    **options: Any,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request; yields the response, whose body the caller reads. Raises OutboundError.

    `seconds` is the read timeout, `total` the timeout of the whole request. The request is counted
    under its `kind` when the context ends.
    """
    begun, status = time.perf_counter(), "none"
    timeout = aiohttp.ClientTimeout(total=total, sock_connect=CONNECT_SECONDS, sock_read=seconds)
    try:
        async with session.http.request(
            method, yarl.URL(url, encoded=True), allow_redirects=False, timeout=timeout, **options
        ) as response:
            status = str(response.status)
            yield response
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        refused = isinstance(getattr(error, "os_error", None), ConnectionRefusedError)
        raise _reported(session, kind, error, sent=False, refused=refused) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _reported(session, kind, error, sent=True) from error
    finally:
        session.on_end(kind, status, time.perf_counter() - begun)


def _reported(session: Session, kind: str, error: Exception, **how: bool) -> OutboundError:
    """The OutboundError for an error of aiohttp, after `on_error` was called with it."""
    unreachable = OutboundError(_reason(error), **how)
    session.on_error(kind, unreachable)
    return unreachable


def log_error(kind: str, error: OutboundError) -> None:
    """Log that a request got no response, once a minute for each kind and reason."""
    log.warning("a request got no response", extra={"kind": kind, "reason": str(error)})


# of OpenSSL (x509_vfy.h): the certificate is for another host, or for another IP address
_OTHER_HOST = (62, 64)


def _reason(error: Exception) -> str:
    """Why there is no response, without any address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return about_certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        cause = getattr(error.os_error, "reason", None) or type(error.os_error).__name__
        return f"the TLS handshake failed ({cause}); it may expect HTTP without TLS"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return "the connection was refused"
        cause = os.strerror(error.os_error.errno) if error.os_error.errno else "no reason given"
        return f"the connection failed ({cause.lower()})"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"the connection timed out after {CONNECT_SECONDS:g} s"
    if isinstance(error, TimeoutError):
        return "it did not respond in time"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "it closed the connection without a response"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "its response is incomplete"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its response is not HTTP; it may expect TLS (https)"
    return f"the request failed ({type(error).__name__})"


def about_redirect(answer: Response) -> str:
    """Why a redirect is a failure; '' for a response that is none."""
    if not 300 <= answer.status < 400:
        return ""
    return (
        f"it redirects ({answer.status}), and the launcher follows no redirect: the configured"
        " address is wrong, such as http in place of https"
    )


def about_certificate(error: Exception) -> str:
    """Why a certificate is refused, from what OpenSSL says of it."""
    if getattr(error, "verify_code", 0) in _OTHER_HOST:
        return "its certificate is for another host"
    cause = getattr(error, "verify_message", "") or "verification failed"
    return f"its certificate is not trusted ({cause}); SSL_CERT_FILE adds trusted authorities"


async def fetch(
    session: Session,
    method: str,
    url: str,
    *,
    most: int = SHORT_BYTES,
    needle: bytes = b"",
    **options: Any,
) -> Response:
    """Send a request; returns the whole response, of at most `most` bytes. Raises OutboundError.

    With a `needle`, the body of a 200 is searched and not kept: the response's body is then the
    needle, or empty if it is not in the first `most` bytes.
    """
    async with stream(session, method, url, total=WHOLE_SECONDS, **options) as response:
        if needle and response.status == 200:
            body = needle if await _holds(response, needle, most) else b""
        else:
            body = await _read(response, SHORT_BYTES if needle else most)
        return Response(response.status, response.headers, body)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            raise ResponseTooLarge
    return bytes(body)


async def _holds(response: aiohttp.ClientResponse, needle: bytes, most: int) -> bool:
    seen, tail = 0, b""
    async for chunk in response.content.iter_any():
        tail = tail[-len(needle) :] + chunk
        if needle in tail:
            return True
        seen += len(chunk)
        if seen > most:
            break
    return False
