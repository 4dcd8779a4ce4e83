"""What the launcher tells its administrator: one line an event, with the id of the request.

Lines hold no header, no query string and no body: credentials and what people typed stay out.
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

# without files to open it tells of every attempt to accept a connection, thousands a second
_asyncio = logging.getLogger("asyncio")
REPEATED_SECONDS = 60.0
MAX_REPEATED = 100

_HEADER = b"x-request-id"
_GIVEN = re.compile(rb"[A-Za-z0-9_-]{8,64}")
# as JSON a character takes 12 bytes at most, and processes that share a pipe may mix up the parts
# of lines above PIPE_BUF, which is 4096 (pipe(7))
_MAX_PATH = 300
_STANDARD = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName"}


def setup(level: int = logging.INFO, handlers: Iterable[logging.StreamHandler] = ()) -> None:
    """Have all loggers of this process write to the handlers, by default to stderr.

    Lines are text on a terminal and JSON elsewhere. Below `level` the launcher says nothing but
    what `audit` is told; others are heard from WARNING on. May be called again.
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
    """Write down who did what, at every level of the log; nothing secret may be in the fields."""
    _audit.info(event, extra={"fields": fields})


class OncePerMinute(logging.Filter):
    """Lets a message through once a minute, then with how often it came meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, ...], tuple[float, int]] = {}
        """When a message was let through, and how many were not since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        # the rest of the message and of the traceback differs from one attempt to the next
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
    """Gives each HTTP request an id, its answer the header X-Request-ID, and the log a line.

    An id that the request brings is taken when it is 8 to 64 letters, digits, `-` and `_`. The line
    comes when the answer ends; its status is null when there was none (the client went away).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; the id holds for what the same task does afterwards, too."""
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
            _tell(scope, status, time.perf_counter() - started)


def _given(headers: Iterable[tuple[bytes, bytes]]) -> str:
    values = [value for name, value in headers if name == _HEADER]
    return values[0].decode() if len(values) == 1 and _GIVEN.fullmatch(values[0]) else ""


def _tell(scope: Scope, status: int | None, seconds: float) -> None:
    fields = {
        "method": scope["method"],
        "path": scope["path"][:_MAX_PATH],
        "status": status,
        "seconds": round(seconds, 4),
    }
    _access.info("request", extra=fields)


class JSONLines(logging.Formatter):
    """A JSON object in ASCII: no character in it ends the line or colours a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end; `ts` is of RFC 3339."""
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
    """A line for people, with nothing in it that a terminal obeys; tracebacks are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end, and those of the traceback."""
        head = f"{_timestamp(record)} {record.levelname} {record.name}: {record.getMessage()}"
        fields = {**_fields(record), **_id()}
        told = [f"{name}={_as_json(value)}" for name, value in fields.items()]
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        below = [f"\n    {_printable(line)}" for line in traceback.splitlines()]
        return _printable(" ".join([head, *told])) + "".join(below)


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _id() -> dict[str, str]:
    return {"request_id": chosen} if (chosen := request_id.get()) else {}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave in `extra`; under `fields` it may have the names of logging's own."""
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    fields = extra.pop("fields", {})
    return {**extra, **fields}


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
