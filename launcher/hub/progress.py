"""The hub's progress stream of a server that starts (JupyterHub REST API, server-sent events)."""

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
# of one stream, after which the hub is asked how things stand; a spawner may never end
MAX_EVENTS = 1000
MAX_STREAM_BYTES = 2**20


async def events(hub: Hub, server: ServerRef) -> AsyncGenerator[dict[str, Any], None]:
    """The events of a server that starts, as they come.

    Ends when the stream does: after `ready` or `failed`, at once when nothing is starting, or early
    when the hub goes away, or says more than MAX_EVENTS or MAX_STREAM_BYTES; raises OutboundError.
    """
    url = hub.url(*server.api_segments, "progress")
    session = dataclasses.replace(hub.session, tell=outbound.tell)
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
    """The lines of a stream, until one of them or all together are too long."""
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
