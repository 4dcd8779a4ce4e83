"""Tag `launches`: start, list, watch and cancel launches."""

import base64
import json
import math
import re
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response

from launcher import logs
from launcher.api import Answer, here, on_behalf, origin, query_parameter, streaming
from launcher.api.launch_resource import resource, rfc3339
from launcher.api.opening import Where, open_notebook, open_server
from launcher.errors import BadRequest
from launcher.hub.users import Identity
from launcher.store.launch_events import LaunchEvent
from launcher.store.launches import Launch

PAGE = 50


async def list_all(user: Identity) -> dict[str, Any]:
    """The caller's launches, newest first."""
    where = on_behalf.visible(user)
    where |= {name: value for name in ("experiment", "state") if (value := query_parameter(name))}
    limit = int(query_parameter("limit") or PAGE)
    before = _parse_cursor(query_parameter("cursor"))
    found = await here().launches.page(where, before=before, limit=limit)
    more = _cursor(found[-1]) if len(found) == limit else None
    return {"launches": [await resource(launch) for launch in found], "next": more}


async def create(body: dict[str, Any], user: Identity) -> Answer:
    """Start a server, and open an experiment's notebook on it if the body names one."""
    server = body.get("server", "")
    if "experiment" not in body:
        if "notebook" in body or "parameters" in body:
            why = "is required with notebook or parameters"
            missing = {"pointer": "/experiment", "detail": why}
            raise BadRequest(
                "experiment is missing: notebook and parameters require one.", errors=[missing]
            )
        where = Where(server, body.get("entrypoint", ""), body.get("system", ""))
        return await open_server(where, user)
    if "notebook" not in body:
        missing = {"pointer": "/notebook", "detail": "is required with experiment"}
        raise BadRequest("notebook is required with experiment.", errors=[missing])
    notebook = body["notebook"]
    server = server or notebook.get("server", "")
    # validation fills in the default server where the notebook names none
    if (notebook.get("server") or server) != server:
        raise _different("server")
    beside: dict[str, Any] = {}
    for name in ("entrypoint", "system"):
        if name in body:
            beside[name] = body[name]
            if notebook.get(name, body[name]) != body[name]:
                raise _different(name)
    return await open_notebook(
        body["experiment"],
        {**notebook, "server": server, **beside},
        body.get("parameters", {}),
        user,
        server_pointer="/server" if body.get("server") else "/notebook/server",
    )


def _different(name: str) -> BadRequest:
    why = f"is different from notebook.{name}; leave one of them out"
    return BadRequest(f"{name} {why}.", errors=[{"pointer": f"/{name}", "detail": why}])


async def get(launch_id: str, user: Identity) -> dict[str, Any]:
    """One launch as it is now."""
    return await resource(await on_behalf.find(launch_id, user))


async def cancel(launch_id: str, user: Identity) -> dict[str, Any]:
    """Cancel a launch that has not ended."""
    launch = await on_behalf.find(launch_id, user)
    cancelled = await here().launches.cancel(launch)
    if user.is_service or user.name != launch.user:
        who = on_behalf.caller(user)
        logs.audit("launch_cancelled", **who, user=launch.user, launch_id=launch.id)
    return await resource(cancelled)


async def events(launch_id: str, user: Identity) -> Response:
    """The events of a launch, as server-sent events (HTML Living Standard)."""
    launch = await on_behalf.find(launch_id, user)
    last = streaming.last_event_id()
    after = -1 if last is None else last
    if launch.ended and after >= launch.seq:
        return Response(status_code=204)  # an EventSource then does not reconnect
    # for a service, each of its users is counted separately
    counting = here().event_streams.limit.count((user.name, launch.user))
    return streaming.answer(counting, _stream(launch, after, origin()))


async def _stream(launch: Launch, after: int, page_origin: str | None) -> AsyncIterator[str]:
    parts = here()
    async for happened in parts.event_streams.events(launch, after):
        if happened is None:
            yield streaming.HEARTBEAT
        elif isinstance(happened, LaunchEvent):
            data = {**happened.data, "at": rfc3339(happened.at)}
            yield streaming.event(happened.seq, happened.event, data)
        else:
            yield streaming.event(happened.seq, "end", await resource(happened, page_origin))


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
    raise BadRequest("cursor is not valid: use the value of `next` in the previous page.")
