"""Tag `launches`: a launch is a thing one can see, wait for, repeat and cancel."""

import base64
import json
import math
import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from connexion import request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from launcher import logs, urls
from launcher.api import acting, asked, here, origin, sent
from launcher.errors import BadRequest
from launcher.store.events import Event
from launcher.store.launches import Launch

# enough for the tabs that one person has open, and it bounds what is left in ~/.jupyter
WORKSPACES = 100
PAGE = 50
EVENT_STREAM = "text/event-stream"


async def list_all(token_info: dict[str, Any]) -> dict[str, Any]:
    """The caller's launches, newest first."""
    where = acting.visible(token_info)
    where |= {name: value for name in ("experiment", "state") if (value := asked(name))}
    limit = int(asked("limit") or PAGE)
    found = await here().launches.page(where, before=_parse_cursor(asked("cursor")), limit=limit)
    more = _cursor(found[-1]) if len(found) == limit else None
    return {"launches": [await resource(launch) for launch in found], "next": more}


async def get(launch_id: str, token_info: dict[str, Any]) -> dict[str, Any]:
    """One launch as it is now."""
    return await resource(await acting.find(launch_id, token_info))


async def cancel(launch_id: str, token_info: dict[str, Any]) -> dict[str, Any]:
    """Cancel a launch that has not ended."""
    launch = await acting.find(launch_id, token_info)
    cancelled = await here().launches.cancel(launch)
    if token_info["service"] or token_info["sub"] != launch.user:
        who = acting.caller(token_info)
        logs.audit("launch_cancelled", **who, user=launch.user, launch_id=launch.id)
    return await resource(cancelled)


async def events(launch_id: str, token_info: dict[str, Any]) -> Response:
    """What happens to a launch, as server-sent events (HTML Living Standard)."""
    launch = await acting.find(launch_id, token_info)
    last = sent("last-event-id")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else -1
    if launch.ended and after >= launch.seq:
        return Response(status_code=204)  # which tells an EventSource not to come again
    # nginx would keep the stream back
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Response(media_type=EVENT_STREAM, headers=headers)
    # of those whom a service acts for, each has their own
    counting = here().follower.streams.one_more((token_info["sub"], launch.user))
    return _Counted(counting, _stream(launch, after, origin()), headers=headers)


class _Counted(StreamingResponse):
    """A stream of events that counts for its caller from before its first byte to its end."""

    media_type = EVENT_STREAM

    def __init__(
        self, counting: AbstractContextManager[None], stream: AsyncIterator[str], **more: Any
    ) -> None:
        super().__init__(stream, **more)
        self._counting = counting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; raises TooManyRequests before anything is sent."""
        with self._counting:
            await super().__call__(scope, receive, send)


async def _stream(launch: Launch, after: int, asked_from: str | None) -> AsyncIterator[str]:
    parts = here()
    async for happened in parts.follower.follow(launch, after):
        if happened is None:
            yield ": still here\n\n"
        elif isinstance(happened, Event):
            yield _event(happened.seq, happened.event, {**happened.data, "at": _time(happened.at)})
        else:
            yield _event(happened.seq, "end", await resource(happened, asked_from))


def _event(number: int, name: str, data: dict[str, Any]) -> str:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def path_of(launch: Launch) -> str:
    """The path of the launch as a resource, on the launcher's own host."""
    return f"{here().settings.prefix}/launches/{launch.id}"


async def resource(launch: Launch, asked_from: str | None = None) -> dict[str, Any]:
    """The launch as openapi.yaml describes it."""
    parts = here()
    place = await parts.feed.position(launch.user) if launch.state == "queued" else None
    public_url = parts.settings.public_url(asked_from or origin())
    return {
        "id": launch.id,
        "state": launch.state,
        "experiment": launch.experiment,
        "user": launch.user,
        "requested_by": _service(launch.requested_by),
        "position": place,
        "path": launch.path,
        "location": location(launch, public_url) if launch.path else None,
        "problem": launch.problem,
        "created_at": _time(launch.created_at),
        "updated_at": _time(launch.updated_at),
    }


def _service(name: str | None) -> dict[str, str] | None:
    """Who asked on behalf of the user: a service, which may have the name of a user."""
    return {"kind": "service", "name": name} if name is not None else None


def location(launch: Launch, public_url: str) -> str:
    """The URL that opens the launch's notebook in JupyterLab.

    A workspace that the caller named opens as they left it. The default ones open clean, and are
    taken in turns: old JupyterLabs ask about a workspace that another tab has open.
    """
    home = urls.below_root(here().settings.home_path, launch.user)
    path = (*home, *(launch.path or "").split("/"))
    query = None if launch.workspace else {"reset": "1"}
    workspace = launch.workspace or f"launcher-{int(launch.id[:8], 16) % WORKSPACES}"
    lab = ("user", launch.user, "lab", "workspaces", workspace, "tree")
    return urls.join(public_url, *lab, *path, query=query)


def _time(seconds: float) -> str:
    """RFC 3339, in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cursor(launch: Launch) -> str:
    text = json.dumps([launch.created_at, launch.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parse_cursor(text: str) -> tuple[float, str] | None:
    if not text:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        at, launch_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if math.isfinite(at) and re.fullmatch(r"[0-9a-f]{32}", launch_id):
            return float(at), launch_id
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise BadRequest("cursor is not one that this service gave: take `next` of the page before.")
