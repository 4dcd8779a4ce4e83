"""Tag `events`: what happens to participants' notebooks."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import Response

from launcher import urls
from launcher.api import Answer, here, query_parameter, streaming
from launcher.api.teaching import viewer_of
from launcher.errors import Forbidden
from launcher.hub.users import Identity
from launcher.workshops import events, model

PAGE = 1000
_COLUMNS = ("type", "user", "filename", "path")

ListAnswer = tuple[list[dict[str, Any]], int] | tuple[list[dict[str, Any]], int, dict[str, str]]


async def create(body: dict[str, Any], user: Identity) -> Answer:
    """Record an event."""
    return model.shown(await here().events.record(viewer_of(user), body)), 201


async def list_all(user: Identity) -> ListAnswer:
    """The events that the caller may see and that match the filters."""
    limit = int(query_parameter("limit") or PAGE)
    since = query_parameter("since")
    found = await here().events.select(
        viewer_of(user),
        _filters(),
        later_than=_time(since, "since") if since else None,
        after_id=int(query_parameter("after") or 0),
        limit=limit,
    )
    shown = [model.shown(event) for event in found]
    if len(found) < limit:
        return shown, 200
    query = {name: value for name in _QUERY if (value := query_parameter(name))}
    query["after"] = str(found[-1].id)
    place = urls.join(here().settings.prefix, "events", query=query)
    return shown, 200, {"Link": f'<{place}>; rel="next"'}


async def get(event_id: int, user: Identity) -> dict[str, Any]:
    """One event as it is now."""
    return model.shown(await here().events.find(viewer_of(user), event_id))


async def withdraw(body: dict[str, Any], user: Identity) -> Answer:
    """Forget what is known of one of the caller's notebooks."""
    if user.is_service:
        raise Forbidden("A service has no notebooks.")
    await here().events.withdraw(user.name, body["path"])
    return {}, 204


async def stream(user: Identity) -> Response:
    """The events that the caller may see and that match the filters, as they happen."""
    where = events.visible(viewer_of(user), _filters())
    counting = here().event_streams.limit.count((user.name, "events"))
    return streaming.answer(counting, _stream(where, streaming.last_event_id()))


async def _stream(where: Mapping[str, Any], after: int | None) -> AsyncIterator[str]:
    async for event in here().event_feed.events(where, after):
        if event is None:
            yield streaming.HEARTBEAT
        elif isinstance(event, int):
            yield streaming.position(event)
        else:
            yield streaming.event(event.seq, "event", model.shown(event))


_QUERY = (*_COLUMNS, "id", "timestamp", "since", "limit")


def _filters() -> dict[str, Any]:
    """The columns and values in the query."""
    found: dict[str, Any] = {name: query_parameter(name) for name in _COLUMNS}
    if number := query_parameter("id"):
        found["id"] = int(number)
    if moment := query_parameter("timestamp"):
        found["at"] = _time(moment, "timestamp")
    return {name: value for name, value in found.items() if value != ""}


def _time(text: str, field: str) -> int:
    # the + of an offset that was not encoded arrives as a space
    return model.parse_time(text.replace(" ", "+"), field)
