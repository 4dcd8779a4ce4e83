"""Logging: one line per event, with the id of the request.

Lines contain no headers, query strings or bodies, which may hold credentials and users' data.
"""

import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

request_id: ContextVar[str] = ContextVar("request_id", default="")

_access = logging.getLogger("launcher.access")
_audit = logging.getLogger("launcher.audit")

# without free file descriptors, asyncio logs thousands of lines per second
_asyncio = logging.getLogger("asyncio")
REPEATED_SECONDS = 60.0
MAX_REPEATED = 100

_HEADER = b"x-request-id"
_GIVEN = re.compile(rb"[A-Za-z0-9_-]{8,64}")
# a character takes at most 12 bytes in JSON; lines longer than PIPE_BUF (4096 bytes, pipe(7)) of
# several processes may be interleaved in a shared pipe
_MAX_PATH = 300
_STANDARD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName"}


def setup(level: int = logging.INFO, handlers: Iterable[logging.StreamHandler] = ()) -> None:
    """Configure all loggers of this process to write to the handlers, by default to stderr.

    Lines are text on a terminal and JSON elsewhere. `level` is that of the launcher's loggers,
    except for `audit`; that of other loggers is WARNING. May be called again.
    """
    handlers = list(handlers) or [logging.StreamHandler()]
    for handler in handlers:
        handler.setFormatter(Text() if handler.stream.isatty() else JSONLines())
    logging.basicConfig(handlers=handlers, level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    logging.getLogger("launcher").setLevel(level)
    _audit.setLevel(logging.INFO)
    if not any(isinstance(known, OncePerMinute) for known in _asyncio.filters):
        _asyncio.addFilter(OncePerMinute())


def audit(event: str, /, **fields: Any) -> None:
    """Log who did what, regardless of the log level; the fields must not contain secrets."""
    _audit.info(event, extra={"fields": fields})


class OncePerMinute(logging.Filter):
    """Passes a message once a minute, with the number of messages that were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, ...], tuple[float, int]] = {}
        """When a message was last passed, and how many were left out since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is passed."""
        # the rest of the message and of the traceback may be different each time
        about = [str(vars(record).get(name, "")) for name in ("kind", "reason")]
        message = record.getMessage().partition("\n")[0]
        key = (message, str(record.exc_info and record.exc_info[1]), *about)
        at, left_out = self._seen.get(key, (0.0, 0))
        now = time.monotonic()
        if at and now - at < REPEATED_SECONDS:
            self._seen[key] = (at, left_out + 1)
            return False
        if len(self._seen) >= MAX_REPEATED:
            self._seen.clear()
        self._seen[key] = (now, 0)
        if left_out:
            record.left_out = left_out
        return True


class RequestId:
    """Gives each HTTP request an id, sets the header X-Request-ID, and logs the request.

    An id in the request is used if it is 8 to 64 letters, digits, `-` and `_`. The request is
    logged when the response ends; the status is null without one (the client disconnected).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application; the id stays set in the context of the task."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        chosen = _given(scope["headers"]) or uuid.uuid4().hex
        request_id.set(chosen)
        status, started = None, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (_HEADER, chosen.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _log_request(scope, status, time.perf_counter() - started)


def _given(headers: Iterable[tuple[bytes, bytes]]) -> str:
    values = [value for name, value in headers if name == _HEADER]
    return values[0].decode() if len(values) == 1 and _GIVEN.fullmatch(values[0]) else ""


def _log_request(scope: Scope, status: int | None, seconds: float) -> None:
    fields = {
        "method": scope["method"],
        "path": scope["path"][:_MAX_PATH],
        "status": status,
        "seconds": round(seconds, 4),
    }
    _access.info("request", extra=fields)


class JSONLines(logging.Formatter):
    """Formats a record as a JSON object in ASCII: no character ends the line early."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; `ts` is in RFC 3339 format."""
        line = {
            "ts": _timestamp(record),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            **_id(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({**line, **_fields(record), **line}, default=str)


class Text(logging.Formatter):
    """Formats a record as readable text without control characters; tracebacks are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end, and the lines of the traceback."""
        head = f"{_timestamp(record)} {record.levelname} {record.name}: {record.getMessage()}"
        fields = {**_fields(record), **_id()}
        pairs = [f"{name}={_as_json(value)}" for name, value in fields.items()]
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        below = [f"\n    {_printable(line)}" for line in traceback.splitlines()]
        return _printable(" ".join([head, *pairs])) + "".join(below)


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _id() -> dict[str, str]:
    return {"request_id": chosen} if (chosen := request_id.get()) else {}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The caller's `extra`; names that logging itself uses are passed in its item `fields`."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    fields = extra.pop("fields", {})
    return {**extra, **fields}


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
