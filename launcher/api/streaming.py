"""Server-sent events (HTML Living Standard)."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any

from connexion import request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from launcher.api import request_header

EVENT_STREAM = "text/event-stream"
HEARTBEAT = ": heartbeat\n\n"
# or nginx would buffer the stream
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def answer(counting: AbstractContextManager[None], stream: AsyncIterator[str]) -> Response:
    """The response with a stream, which is counted for its caller until its end."""
    if request.method == "HEAD":
        return Response(media_type=EVENT_STREAM, headers=_HEADERS)
    return _Counted(counting, stream, headers=_HEADERS)


def event(number: int, name: str, data: dict[str, Any]) -> str:
    """An event as text."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def position(number: int) -> str:
    """A heartbeat after which a client continues with this number, as after an event."""
    return f": heartbeat\nid: {number}\n\n"


def last_event_id() -> int | None:
    """The number of the last event that the client received; None if there is none."""
    last = request_header("last-event-id")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 10 else None


class _Counted(StreamingResponse):
    """An event stream that is counted for its caller until its end."""

    media_type = EVENT_STREAM

    def __init__(
        self, counting: AbstractContextManager[None], stream: AsyncIterator[str], **more: Any
    ) -> None:
        super().__init__(stream, **more)
        self._counting = counting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; raises TooManyRequests before anything is sent."""
        # with ASGI 2.4, Starlette would notice a closed connection at the next heartbeat only
        older = {**scope, "asgi": {**scope.get("asgi", {}), "spec_version": "2.3"}}
        with self._counting:
            await super().__call__(older, receive, send)
