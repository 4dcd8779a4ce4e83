"""The hub's progress stream of a server that starts (JupyterHub REST API, server-sent events)."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from launcher import outbound
from launcher.hub import Hub

# the hub sends an empty line every 8 s
SILENCE_SECONDS = 30.0
MAX_LINE_BYTES = 2**16


async def events(hub: Hub, user: str) -> AsyncGenerator[dict[str, Any], None]:
    """The events of the user's default server as they come.

    Ends when the stream does: after `ready` or `failed`, at once when nothing is starting, or early
    when the hub goes away; raises Unreachable.
    """
    url = hub.url("users", user, "server", "progress")
    async with outbound.stream(
        hub.session,
        "GET",
        url,
        kind="hub.progress",
        headers=hub.headers(),
        seconds=SILENCE_SECONDS,
    ) as response:
        if response.status != 200:
            return
        line = b""
        async for chunk in response.content.iter_any():
            *whole, line = (line + chunk).split(b"\n")
            for event in whole:
                if parsed := _event(event):
                    yield parsed
            if len(line) > MAX_LINE_BYTES:
                return


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"data:"):
        return None
    try:
        event = json.loads(line[len(b"data:") :])
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
