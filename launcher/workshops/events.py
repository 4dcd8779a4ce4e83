"""Records the events of participants' notebooks, and finds them."""

import asyncio
import base64
import binascii
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from launcher import logs
from launcher.errors import NotFound, TooLarge, TooManyRequests
from launcher.store import Store, event_deliveries, saved_notebooks
from launcher.store import events as rows
from launcher.store.events import StoredEvent
from launcher.workshops import model
from launcher.workshops.counting import Counting
from launcher.workshops.deliveries import Deliveries
from launcher.workshops.forgetting import forget
from launcher.workshops.people import Viewer
from launcher.workshops.rate import EventRate
from launcher.workshops.reactions import shortened

log = logging.getLogger("launcher.workshops")
log.addFilter(logs.OncePerMinute())

GZIP = b"\x1f\x8b\x08"
# when a user with too many events may try again: old ones are deleted meanwhile
FULL_SECONDS = 3600


@dataclass(frozen=True)
class KeptOfUser:
    """What is kept of each user."""

    events: int
    """Events of one user."""
    events_per_minute: int
    """Events that a participant may report within a minute, to each worker."""
    saves: int
    """Saves of one notebook."""
    notebook: int
    """Bytes of a notebook, compressed."""
    bytes: int
    """Of all saves of one user, compressed."""


class Events:
    """The events of all participants."""

    def __init__(
        self, store: Store, bounds: KeptOfUser, counting: Counting, deliveries: Deliveries
    ) -> None:
        """`counting` counts what is saved, `deliveries` says to what the events are handed."""
        self._store = store
        self._bounds = bounds
        self._counting = counting
        self._deliveries = deliveries
        self._rate = EventRate(bounds.events_per_minute)

    async def record(self, viewer: Viewer, body: Mapping[str, Any]) -> StoredEvent:
        """Store an event, and the notebook in it if there is one.

        Raises BadRequest, Forbidden, TooLarge, TooManyRequests.
        """
        user = viewer.whose(body.get("user", viewer.name)) or viewer.name
        if not viewer.sees_all:
            self._rate.count(user, len(body.get("notebook") or ""))
        filename, path = body["filename"], body["path"]
        model.check_filename(filename)
        if body["type"] == model.SAVE and filename.lower().startswith(model.PRIVATE):
            raise model.wrong("filename", "is that of a private notebook, which is not kept")
        model.check_path(path, filename)
        at = model.now()
        if "timestamp" in body:
            at = model.parse_time(body["timestamp"], "timestamp", most=at + model.MAX_AHEAD)
        content = await asyncio.to_thread(self._content, body)
        event, save_id = await self._store.run(
            self._put,
            {"type": body["type"], "user": user, "filename": filename, "path": path, "at": at},
            content,
            body.get("size", 0),
        )
        if event is None:
            raise TooManyRequests(
                f"There are {self._bounds.events} events of {user} already. Old ones are deleted"
                " after some days; repeat those of the same path instead of using new paths.",
                retry_after=FULL_SECONDS,
            )
        if content is not None and save_id is not None:
            self._counting.soon(save_id, user, path)
        if self._deliveries.is_used:
            self._deliveries.wake()
        return event

    async def find(self, viewer: Viewer, event_id: int) -> StoredEvent:
        """The event with that id, if the viewer may see it; raises NotFound."""
        found = await self._store.read(rows.find, event_id)
        if found is None or not viewer.may_see(found.user):
            raise NotFound("There is no such event, or you may not see it.")
        return found

    async def select(
        self,
        viewer: Viewer,
        equal: Mapping[str, Any],
        *,
        later_than: int | None = None,
        after_id: int = 0,
        limit: int,
    ) -> list[StoredEvent]:
        """Events in the order in which they arrived first; raises Forbidden."""
        return await self._store.read(
            rows.select,
            visible(viewer, equal),
            later_than=later_than,
            after_id=after_id,
            limit=limit,
        )

    async def withdraw(self, user: str, path: str) -> None:
        """Forget all that is known of a user's notebook."""
        await self._store.run(forget, user, path)

    def _content(self, body: Mapping[str, Any]) -> bytes | None:
        """The compressed notebook of an event; raises BadRequest, TooLarge."""
        text = body.get("notebook")
        if text is None:
            return None
        if body["type"] != model.SAVE:
            raise model.wrong("notebook", f"belongs to events of the type {model.SAVE}")
        try:
            content = base64.b64decode(text.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError) as error:
            raise model.wrong("notebook", "must be base64 (RFC 4648)") from error
        if not content.startswith(GZIP):
            raise model.wrong("notebook", "must be compressed with gzip (RFC 1952)")
        if len(content) > self._bounds.notebook:
            raise TooLarge(
                f"A notebook may have at most {self._bounds.notebook} bytes, compressed."
            )
        return content

    def _put(
        self, connection: sa.Connection, event: dict[str, Any], content: bytes | None, size: int
    ) -> tuple[StoredEvent | None, int | None]:
        """Store an event, and the save if it is one; returns both, as far as they are stored."""
        stored = rows.put(connection, **event, most=self._bounds.events)
        save_id = None
        if stored and event["type"] == model.SAVE:
            digest = hashlib.sha256(content or b"").hexdigest()
            save = {name: event[name] for name in ("user", "path", "at")}
            save |= {"content": content, "content_hash": digest, "size": size}
            save |= {"most": self._bounds.saves, "most_bytes": self._bounds.bytes}
            save_id = saved_notebooks.put(connection, **save)
        if stored and stored.at == event["at"]:  # a late report changes nothing
            self._deliver(connection, stored)
        return stored, save_id

    def _deliver(self, connection: sa.Connection, event: StoredEvent) -> None:
        targets = self._deliveries.targets(event.type)
        if targets and event_deliveries.put(connection, targets, model.shown(event)):
            reason = f"more than {event_deliveries.MOST_WAITING} events of one user wait"
            extra = {"reason": reason, "user": shortened(event.user)}
            log.warning("old events are not delivered", extra=extra)


def visible(viewer: Viewer, equal: Mapping[str, Any]) -> dict[str, Any]:
    """These values of columns, for the events that the viewer may see; raises Forbidden."""
    whose = viewer.whose(equal.get("user"))
    return {**equal, **({} if whose is None else {"user": whose})}
