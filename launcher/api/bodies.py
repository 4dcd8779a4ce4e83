"""Request bodies: limited in size, parsed as strict JSON, validated, with defaults filled in."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from connexion.validators import AbstractRequestBodyValidator
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from launcher.errors import BadRequest, RequestTimeout, TooLarge
from launcher.nesting import is_deeper_than
from launcher.schemas import checker_of

MAX_BODY_BYTES = 2**20
# the keyword of a schema in openapi.yaml with another limit
MAX_BYTES = "x-max-bytes"
# checking a value takes 2 to 10 microseconds, during which the worker is blocked
MAX_VALUES = 10_000
MAX_DIGITS = 400
# serializing and checking values recurses for each level, and Python's limit is 1000
MAX_DEPTH = 600
# for the whole body
BODY_SECONDS = 30.0

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class OnlyJSON:
    """Normalizes the media type: Connexion has no validator for one in capitals, or for none.

    Responds with 404 to a path with a trailing slash: Starlette would redirect to the host that the
    request names.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application with the normalized media type; raises HTTPException 404."""
        if scope["type"] == "http":
            if scope["path"].endswith("/"):
                raise HTTPException(404)
            if scope["method"] in ("POST", "PUT", "PATCH"):
                _normalize(MutableHeaders(scope=scope))
            elif scope["method"] == "DELETE":
                _normalize_optional(MutableHeaders(scope=scope))
        await self._app(scope, receive, send)


def _normalize(headers: MutableHeaders) -> None:
    # without parameters: JSON is always UTF-8 (RFC 8259)
    headers["content-type"] = (
        headers.get("content-type", "").split(";")[0].strip().lower() or "none"
    )


def _normalize_optional(headers: MutableHeaders) -> None:
    """As `_normalize`; a body may be left out, and with it the media type."""
    if "content-type" in headers:
        _normalize(headers)
    else:
        headers["content-type"] = "application/json"


# bodies over so many bytes are parsed in a thread, one at a time
LARGE = 256 * 1024
_large_bodies = asyncio.Semaphore(1)


class JSONBody(AbstractRequestBodyValidator):
    """Connexion's validator of JSON bodies, with a cached checker for each schema."""

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Read and validate the body; raises BadRequest, RequestTimeout, TooLarge."""
        most = int(self._schema.get(MAX_BYTES, MAX_BODY_BYTES))
        sent = await _in_time(_read(receive, Headers(scope=scope), most))
        if len(sent) > LARGE:
            async with _large_bodies:
                body = await asyncio.to_thread(self._checked, sent)
        else:
            body = self._checked(sent)
        return self._insert_body(receive, body=body, scope=scope)

    def _checked(self, sent: bytes) -> Any:
        body = parse(sent) if sent or self._required else {}
        checker_of(self._schema).check(body)
        return body


async def _in_time(reading: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await reading
    except TimeoutError as error:
        raise RequestTimeout(
            f"The body did not arrive within {BODY_SECONDS:.0f} seconds. Send it again."
        ) from error


def _length(headers: Headers, most: int) -> int:
    """The Content-Length of the request (RFC 9112), `most` + 1 for any larger one; 0 without."""
    text = headers.get("content-length", "0")
    if not re.fullmatch("[0-9]+", text):
        raise BadRequest("Content-Length is not a number.")
    # int() raises an error for thousands of digits
    return int(text) if len(text) < 20 else most + 1


async def _read(receive: Receive, headers: Headers, most: int) -> bytes:
    if _length(headers, most) > most:
        raise _too_large(most)
    body = bytearray()
    async for chunk in _chunks(receive):
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The request ended before the end of its body.")
        more = message.get("more_body", False)
        yield message.get("body", b"")


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body may have at most {most} bytes.")


def parse(body: bytes) -> Any:
    """Parse a JSON body (RFC 8259); raises BadRequest if it is not I-JSON (RFC 7493).

    Not allowed are other encodings than UTF-8, deep nesting, long numbers, NaN, lone surrogates,
    duplicate names, and more than MAX_VALUES values.
    """
    if not body:
        raise BadRequest("The body is empty; send a JSON object.")
    if _values(body) > MAX_VALUES:
        raise BadRequest(f"The body may contain at most {MAX_VALUES} values.")
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_int=_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
        # raises ValueError for infinity (from 1e999) and lone surrogates (from "\ud800")
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The body must be JSON in UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not valid JSON: see {where}.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.") from error
    except ValueError as error:
        raise BadRequest(
            "The body contains a number that is too long or not finite, or half of a surrogate"
            " pair."
        ) from error
    if is_deeper_than(MAX_DEPTH, value):
        raise BadRequest("The body is nested too deeply.")
    return value


def _values(body: bytes) -> int:
    """An upper bound of the number of values in the body, without parsing it."""
    if len(body) <= MAX_VALUES:
        return 0
    # a member of an object has at most two strings, its name and its value
    quotes = body.count(b'"') - body.count(b'\\"')
    count = max(_delimiters(body), quotes // 4)
    if count <= MAX_VALUES or quotes // 4 > MAX_VALUES:
        return count
    # delimiters inside of strings do not count
    return _delimiters(_STRING.sub(b"", body))


def _delimiters(text: bytes) -> int:
    return sum(text.count(delimiter) for delimiter in (b",", b"[", b"{"))


def _integer(digits: str) -> int:
    # the time of int() grows with the square of the number of digits
    if len(digits) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadRequest("The body contains an object with a duplicate name.")
    return fields
