"""Sends events to webhooks, as in Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import json
import logging
import random
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from launcher import logs, outbound
from launcher.outbound import OutboundError
from launcher.store.event_deliveries import EventDelivery
from launcher.workshops.reactions import about

log = logging.getLogger("launcher.webhooks")
log.addFilter(logs.OncePerMinute())

SECONDS = 10.0
"""For the whole response."""
DAY_SECONDS = 86_400.0
PAUSES = (5.0, 30.0, 120.0, 600.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""Between attempts; the last one is used again."""
_JITTER = 0.2
# of one webhook and worker
_MOST_AT_ONCE = 4
_PREFIX = "whsec_"
# 4xx that may be another status later; a receiver answers 409 if it has the delivery already
_TEMPORARY = (408, 425, 429)
_DIGITS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Receiver:
    """Where events are sent, and the key with which they are signed."""

    url: str = field(repr=False)  # it may hold a secret
    types: frozenset[str] | None
    """None: all."""
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, webhook: Mapping[str, Any]) -> "Receiver":
        """From an item of `c.Launcher.webhooks`, which was checked."""
        types = frozenset(webhook["types"]) if "types" in webhook else None
        key = base64.b64decode(webhook["secret"].removeprefix(_PREFIX))
        return cls(webhook["url"], types, key)

    @property
    def hash(self) -> str:
        """Identifies the URL and the types, whatever the secret is."""
        text = json.dumps([self.url, sorted(self.types or ())])
        return hashlib.sha256(text.encode("ascii")).hexdigest()


class Webhook:
    """A webhook of `c.Launcher.webhooks`."""

    most_attempts = 50

    def __init__(self, receiver: Receiver, session: outbound.Session) -> None:
        """Send to the receiver with the session."""
        self._receiver = receiver
        self._session = session
        self.target = f"webhook:{receiver.hash}"
        self.name = f"webhook {urlsplit(receiver.url).hostname}"

    def wants(self, event_type: str) -> bool:
        """Whether events of the type are sent."""
        return self._receiver.types is None or event_type in self._receiver.types

    def limit(self) -> int:
        """Always the same."""
        return _MOST_AT_ONCE

    async def attempt(self, delivery: EventDelivery) -> float | None:
        """Send an event; returns the seconds until the next attempt, None if there is none."""
        body = _body(delivery.event)
        message_id, now = f"msg_{delivery.id}", int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._receiver.key, message_id, now, body),
        }
        after = 0.0
        try:
            # the body of the response is not read
            async with outbound.stream(
                self._session,
                "POST",
                self._receiver.url,
                kind="webhook",
                total=SECONDS,
                data=body,
                headers=headers,
            ) as response:
                status = response.status
                after = _retry_after(response.headers.get("Retry-After", ""))
        except OutboundError as error:
            reason = str(error)
        else:
            if 200 <= status < 300:
                return None
            reason = _refusal(status)
            if 400 <= status < 500 and status not in _TEMPORARY:
                self._log_dropped(delivery, reason)
                return None
        return self._again(delivery, reason, after)

    def _again(self, delivery: EventDelivery, reason: str, after: float) -> float | None:
        pause = PAUSES[min(delivery.attempts, len(PAUSES)) - 1]
        pause *= random.uniform(1, 1 + _JITTER)  # noqa: S311
        pause = max(pause, after)
        if time.time() + pause > delivery.created_at + DAY_SECONDS:
            self._log_dropped(delivery, reason)
            return None
        log.warning("a webhook failed", extra={"kind": self.name, "reason": reason})
        return pause

    def _log_dropped(self, delivery: EventDelivery, reason: str) -> None:
        fields = {"kind": self.name, "reason": reason, **about(delivery)}
        # not through the filter: it is logged of each event
        logging.getLogger("launcher").warning("an event is not sent any more", extra=fields)


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a request, with its version."""
    signed = f"{message_id}.{timestamp}.".encode("ascii") + body
    digest = hmac.digest(key, signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def read(webhooks: Iterable[Mapping[str, Any]], session: outbound.Session) -> list[Webhook]:
    """The webhooks of `c.Launcher.webhooks`."""
    return [Webhook(Receiver.of(each), session) for each in webhooks]


def _body(event: Mapping[str, Any]) -> bytes:
    content = {"type": event["type"], "timestamp": event["timestamp"], "data": event}
    return json.dumps(content).encode("ascii")


def _refusal(status: int) -> str:
    redirect = outbound.about_redirect(outbound.Response(status, {}, b""))
    return redirect or f"it answered {status}"


def _retry_after(text: str) -> float:
    """The seconds of the header Retry-After (RFC 9110, section 10.2.3); 0 without one."""
    if _DIGITS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0
