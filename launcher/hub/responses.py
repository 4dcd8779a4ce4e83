"""Interprets the hub's responses about a start: reasons, refusals, and when to retry.

Messages of a spawner, a hook or a proxy are untrusted: they are shortened and redacted.
"""

import re

from launcher.errors import (
    LauncherError,
    NamedServerRefused,
    ServerLimit,
    ServerStopped,
    SpawnFailed,
    SpawnRefused,
    StartTimeout,
)
from launcher.hub import servers
from launcher.outbound import Response
from launcher.redaction import redact

# the hub's Retry-After is 30 to 60 s; more is an error, or comes from a proxy
MAX_RETRY_SECONDS = 300.0
_NOT_ENABLED = "Named servers are not enabled"


def readable(message: object) -> str:
    """A message of the hub or a spawner, shortened and redacted; '' if it is not text."""
    return redact(message) if isinstance(message, str) else ""


def per_cent(value: object) -> int | None:
    """The progress in a spawner's event; None if it is no number from 0 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= 100 else None


def failure(reason: str) -> LauncherError:
    """The error for the reason in a progress stream, which `readable` returned."""
    if reason == "Spawn cancelled":
        return ServerStopped("The server was stopped while it started.")
    text = reason.removeprefix("Spawn failed:").strip()
    if not text:
        # the TimeoutError of the spawner's start_timeout has no text
        return StartTimeout("The server was not ready within the hub's start_timeout.")
    if re.search(r"timed out|timeout|failed to start in|didn't respond in", text, re.IGNORECASE):
        return StartTimeout(text)
    return SpawnFailed(text)


def retry_after(answer: Response) -> float:
    """The Retry-After of a hub that throttles, in seconds.

    Raises ServerLimit without one: the hub has reached its active_server_limit.
    """
    value = answer.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit()):
        reason = readable(servers.message(answer)) or "The hub has no room for another server."
        raise ServerLimit(reason, retry_after=60)
    return min(max(1.0, float(value)), MAX_RETRY_SECONDS)


def refusal(answer: Response) -> LauncherError:
    """The error for a start that the hub, its hook or its spawner refuses."""
    reason = readable(servers.message(answer))
    if re.search(f"{_NOT_ENABLED}|maximum of \\d+ named servers|nvalid server_name", reason):
        return named_server_refusal(answer)
    return SpawnRefused(reason or "The hub refused to start the server and gave no reason.")


def named_server_refusal(answer: Response) -> NamedServerRefused:
    """The error for a request about a named server that the hub refuses with 400."""
    reason = readable(servers.message(answer))
    if _NOT_ENABLED in reason:
        return NamedServerRefused(
            "This hub has no named servers (c.JupyterHub.allow_named_servers is False). Leave"
            " `server` out to use the default server."
        )
    return NamedServerRefused(reason or "The hub refused the request and gave no reason.")
