"""Request bodies: bounded before they are read, strict JSON, checked, defaults filled."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any

from connexion.validators import AbstractRequestBodyValidator
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from launcher.errors import BadRequest, RequestTimeout, TooLarge
from launcher.schemas import checker_of

MAX_BODY_BYTES = 2**20
# each takes 2 to 10 microseconds to check, while the process does nothing else
MAX_VALUES = 10_000
MAX_DIGITS = 400
# what writes and checks values calls itself for each level, and Python ends that at 1000
MAX_DEPTH = 600
# for the whole of it, however it is cut up
BODY_SECONDS = 30.0

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class OnlyJSON:
    """Stands before Connexion, which finds no validator for a media type in capitals, or for none.

    Nor does a path with a slash too many get as far as Starlette's redirect, which goes to the host
    that the request named.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with one spelling of its media type; raises HTTPException 404."""
        if scope["type"] == "http":
            if scope["path"].endswith("/"):
                raise HTTPException(404)
            if scope["method"] in ("POST", "PUT", "PATCH"):
                _spell(MutableHeaders(scope=scope))
        await self._app(scope, receive, send)


def _spell(headers: MutableHeaders) -> None:
    # without parameters: JSON is UTF-8 (RFC 8259), whatever `charset` says
    headers["content-type"] = (
        headers.get("content-type", "").split(";")[0].strip().lower() or "none"
    )


class JSONBody(AbstractRequestBodyValidator):
    """Connexion's validator of JSON bodies; each schema's checker is made once."""

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Hand the checked body on; raises BadRequest, RequestTimeout, TooLarge."""
        body = parse(await _in_time(_read(receive, Headers(scope=scope))))
        checker_of(self._schema).check(body)
        return self._insert_body(receive, body=body, scope=scope)


async def _in_time(reading: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await reading
    except TimeoutError as error:
        raise RequestTimeout(
            f"The body did not arrive within {BODY_SECONDS:.0f} seconds. Send it again."
        ) from error


def _length(headers: Headers) -> int:
    """The length that the request says its body has; 0 when it says nothing (RFC 9112)."""
    text = headers.get("content-length", "0")
    if not re.fullmatch("[0-9]+", text):
        raise BadRequest("Content-Length is not a number.")
    # int() refuses thousands of digits
    return int(text) if len(text) < 20 else MAX_BODY_BYTES + 1


async def _read(receive: Receive, headers: Headers) -> bytes:
    if _length(headers) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in _chunks(receive):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The request ended before its body did.")
        more = message.get("more_body", False)
        yield message.get("body", b"")


def _too_large() -> TooLarge:
    return TooLarge(f"The body may have at most {MAX_BODY_BYTES} bytes.")


def parse(body: bytes) -> Any:
    """The value in a body of JSON (RFC 8259); raises BadRequest for what I-JSON does not hold.

    That is: not UTF-8, nesting or numbers without measure, NaN, lone surrogates, a name twice. Nor
    may it hold more than MAX_VALUES values.
    """
    if not body:
        raise BadRequest("The body is empty; send a JSON object.")
    if _values(body) > MAX_VALUES:
        raise BadRequest(f"The body may hold at most {MAX_VALUES} values.")
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_int=_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
        # infinities from 1e999 and lone surrogates from "\ud800" do not survive this
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest("The body must be JSON in UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"The body is not valid JSON: see {where}.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deep.") from error
    except ValueError as error:
        raise BadRequest(
            "The body holds a number that is too long or not finite, or half a character."
        ) from error
    if _is_deep(value):
        raise BadRequest("The body is nested too deep.")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _values(body: bytes) -> int:
    """How many values the body holds at most, found out without parsing it."""
    if len(body) <= MAX_VALUES:
        return 0
    # a value has a string at most, and its name is another one
    quotes = body.count(b'"') - body.count(b'\\"')
    count = max(_delimiters(body), quotes // 4)
    if count <= MAX_VALUES or quotes // 4 > MAX_VALUES:
        return count
    # most of the text that people send is in strings
    return _delimiters(_STRING.sub(b"", body))


def _delimiters(text: bytes) -> int:
    return sum(text.count(delimiter) for delimiter in (b",", b"[", b"{"))


def _integer(digits: str) -> int:
    # the time that int() takes grows with their square
    if len(digits) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(digits)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadRequest("The body holds an object with the same name twice.")
    return fields
