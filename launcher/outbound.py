"""Calls to other programs: each with a timeout, a bound on the bytes read, and no redirects."""

import json
import logging
import os
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

# an answer that says no more than how a call went
SHORT_BYTES = 64 * 2**10
CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
# a program that sends a byte now and then is not silent, and never done
WHOLE_SECONDS = 120.0


class OutboundError(Exception):
    """No whole answer came back. `sent` is False when the request cannot have been carried out.

    As text it is the reason, about "it": the other program. That names no address and no secret.
    `refused`: nobody listens at the address.
    """

    def __init__(self, reason: str, *, sent: bool, refused: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent
        self.refused = refused


class ResponseTooLarge(OutboundError):
    """More came than an answer of this kind may have; the rest was not read."""

    def __init__(self) -> None:
        super().__init__("its answer is too large", sent=True)


@dataclass(frozen=True)
class Response:
    """What came back: status, headers and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Whether the other program says that this is JSON."""
        return self.media_type == "application/json"

    @property
    def media_type(self) -> str:
        """What the other program says that this is, without parameters."""
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    def json(self) -> Any:
        """The decoded body; raises OutboundError when it is not JSON after all."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise OutboundError("its answer is not JSON", sent=True) from error


@dataclass(frozen=True)
class Session:
    """Connections to other programs, and who is told of every call."""

    http: aiohttp.ClientSession
    observe: Callable[[str, str, float], None]
    """Told the kind of a call, its status ('none': no answer came) and the seconds it took."""
    tell: Callable[[str, OutboundError], None] = lambda kind, error: None
    """Told the kind of a call that got no answer, and why."""


@asynccontextmanager
async def open_session(
    observe: Callable[[str, str, float], None],
    *,
    connections: int,
    tell: Callable[[str, OutboundError], None] = lambda kind, error: None,
) -> AsyncIterator[Session]:
    """A session without cookies, with at most that many connections at the same moment.

    `observe` and `tell` are told of calls as in `Session`.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=10),
        cookie_jar=aiohttp.DummyCookieJar(),
        # the bounds are on what comes over the wire: a small archive may hold gigabytes
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
    ) as http:
        yield Session(http, observe, tell)


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
    """A response whose body the caller reads; raises OutboundError.

    `seconds` of silence end it, and `total` seconds end it whatever comes. The call is counted as
    one of its `kind` when it is over: a stream at its end, or when nobody listens any more.
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
        raise _told(session, kind, error, sent=False, refused=refused) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _told(session, kind, error, sent=True) from error
    finally:
        session.observe(kind, status, time.perf_counter() - begun)


def _told(session: Session, kind: str, error: Exception, **how: bool) -> OutboundError:
    unreachable = OutboundError(_reason(error), **how)
    session.tell(kind, unreachable)
    return unreachable


def tell(kind: str, error: OutboundError) -> None:
    """Tell the log that a call got no answer: once a minute for each kind and reason."""
    log.warning("a call got no answer", extra={"kind": kind, "reason": str(error)})


# of OpenSSL (x509_vfy.h): the certificate is for another host, or for another IP address
_OTHER_HOST = (62, 64)


def _reason(error: Exception) -> str:
    """Why no answer came, in words that hold no address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return about_certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        said = getattr(error.os_error, "reason", None) or type(error.os_error).__name__
        return f"no TLS connection can be made ({said}); HTTP without TLS may be spoken there"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name of its host cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return "nobody listens at its address (connection refused)"
        said = os.strerror(error.os_error.errno) if error.os_error.errno else "no reason given"
        return f"no connection can be made ({said.lower()})"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection could be made within {CONNECT_SECONDS:g} s"
    if isinstance(error, TimeoutError):
        return "no answer came in time"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "the connection was closed before an answer came"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off"
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is not HTTP; TLS (https) may be spoken there"
    return f"the call failed ({type(error).__name__})"


def about_certificate(error: Exception) -> str:
    """Why a certificate is refused, from what OpenSSL says of it."""
    if getattr(error, "verify_code", 0) in _OTHER_HOST:
        return "its certificate is for another host"
    said = getattr(error, "verify_message", "") or "it does not pass"
    return f"its certificate is not trusted ({said}); SSL_CERT_FILE names authorities to trust"


async def fetch(
    session: Session,
    method: str,
    url: str,
    *,
    most: int = SHORT_BYTES,
    needle: bytes = b"",
    **options: Any,
) -> Response:
    """The whole answer to one request, of at most `most` bytes; raises OutboundError.

    With a `needle`, the body of a 200 is searched for it and not kept, however long it is: the
    answer's body is then the needle, or empty when it is not in the first `most` bytes.
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
