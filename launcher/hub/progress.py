"""Reads the hub's progress stream of a start (JupyterHub REST API, server-sent events)."""

import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from launcher import outbound
from launcher.hub import Hub
from launcher.server_ref import ServerRef

# the hub sends an empty line every 8 s
SILENCE_SECONDS = 30.0
MAX_LINE_BYTES = 2**16
# of one stream; a spawner may send events without end, so the state is then requested from the hub
MAX_EVENTS = 1000
MAX_STREAM_BYTES = 2**20


async def events(hub: Hub, server: ServerRef) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of a start as they arrive; raises OutboundError.

    Ends with the stream: after `ready` or `failed`, or at once if the server is not starting. Ends
    early if the hub goes away, or after MAX_EVENTS or MAX_STREAM_BYTES.
    """
    url = hub.url(*server.api_segments, "progress")
    session = dataclasses.replace(hub.session, on_error=outbound.log_error)
    async with outbound.stream(
        session,
        "GET",
        url,
        kind="hub.progress",
        headers=hub.headers(),
        seconds=SILENCE_SECONDS,
    ) as response:
        if response.status != 200:
            return
        left = MAX_EVENTS
        async for line in _lines(response.content.iter_any()):
            if event := _event(line):
                yield event
                left -= 1
                if not left:
                    return


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The lines of a stream, until a line or the stream is too long."""
    line, read = b"", 0
    async for chunk in chunks:
        *whole, line = (line + chunk).split(b"\n")
        for complete in whole:
            yield complete
        read += len(chunk)
        if len(line) > MAX_LINE_BYTES or read > MAX_STREAM_BYTES:
            return


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"data:") or len(line) > MAX_LINE_BYTES:
        return None
    try:
        event = json.loads(line[len(b"data:") :])
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
