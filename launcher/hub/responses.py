"""What the hub's answers about a start mean: reasons, refusals, and when to ask again.

What a spawner, a hook or a proxy says is data: bounded, and as text that any database takes.
"""

import re

from launcher.errors import (
    LauncherError,
    NamedServerRefused,
    ServerLimit,
    SpawnFailed,
    SpawnRefused,
    StartTimeout,
)
from launcher.hub import servers
from launcher.outbound import Response
from launcher.redaction import redact

# a hub asks for 30 to 60 s; more is a mistake, or a proxy's
MOST_SECONDS_TO_WAIT = 300.0


def words(said: object) -> str:
    """What the hub or a spawner says, as a bounded sentence for its users."""
    return redact(said) if isinstance(said, str) else ""


def per_cent(value: object) -> int | None:
    """How far a spawner says that the start is; None when it is no number from 0 to 100."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= 100 else None


def failure(reason: str) -> LauncherError:
    """The error for the reason in a progress stream, as `words` made it."""
    said = reason.removeprefix("Spawn failed:").strip()
    if not said:
        # the exception of a start_timeout that passes has no words
        return StartTimeout("The server was not ready in the time that the hub gives it.")
    if re.search(r"timed out|timeout|failed to start in|didn't respond in", said, re.IGNORECASE):
        return StartTimeout(said)
    return SpawnFailed(said)


def seconds_to_wait(answer: Response) -> float:
    """What a throttled hub asks for; raises ServerLimit when it has no more room at all."""
    asked = answer.headers.get("Retry-After", "")
    if not (asked.isascii() and asked.isdigit()):
        said = words(servers.message(answer)) or "The hub has no room for another server."
        raise ServerLimit(said, retry_after=60)
    return min(max(1.0, float(asked)), MOST_SECONDS_TO_WAIT)


def refusal(answer: Response) -> LauncherError:
    """The error for a start that the hub, its hook or its spawner refuses."""
    said = words(servers.message(answer))
    if "Named servers are not enabled" in said:
        return NamedServerRefused(
            "This hub has no named servers (c.JupyterHub.allow_named_servers is False). Leave"
            " `server` out to use the default server."
        )
    if re.search(r"maximum of \d+ named servers|nvalid server_name", said):
        return NamedServerRefused(said)
    return SpawnRefused(said or "The hub refused to start the server and gave no reason.")
