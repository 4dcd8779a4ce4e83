"""The output of a user's server, which the hub's side of the launcher keeps."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from launcher import log_text
from launcher.errors import HubRefused, LogsMissing
from launcher.hub import Hub, servers
from launcher.hub.responses import readable
from launcher.outbound import OutboundError, Response
from launcher.server_ref import ServerRef

# the hub's side reads 1 MiB of a log, which is longer as JSON
ANSWER_BYTES = 8 * 2**20


@dataclass(frozen=True)
class LogPage:
    """Lines of a log, and the position after them, '' if there is none yet."""

    lines: list[str]
    next: str


async def read(
    hub: Hub,
    hook_token: str,
    server: ServerRef,
    *,
    max_lines: int,
    after: str,
    secrets: Iterable[str] = (),
) -> LogPage:
    """The last lines of the server's log, or the first ones after a position.

    The `secrets`, and what looks like one, are left out.
    Raises LogsMissing, HubRefused, HubUnavailable.
    """
    if not hook_token:
        raise LogsMissing(
            "The launcher has no output of servers: it is not connected to the hub's spawn hook."
            " An administrator calls `launcher.jupyterhub.configure` in jupyterhub_config.py."
        )
    answer = await hub.call(
        "GET",
        *("launcher", "logs", *server.api_segments[1:]),
        kind="logs",
        token=hook_token,
        query={"max_lines": str(max_lines), **({"after": after} if after else {})},
        most=ANSWER_BYTES,
    )
    _check(hub, answer)
    page = _page(hub, answer)
    # ten thousand lines take half a second
    return replace(page, lines=await asyncio.to_thread(log_text.cleaned, page.lines, secrets))


def _check(hub: Hub, answer: Response) -> None:
    if answer.status == 404:
        raise LogsMissing(
            "The hub keeps no output of servers: the launcher's package in its environment is too"
            " old. An administrator installs the launcher's version there, and restarts the hub."
        )
    if answer.status == 501:
        reason = readable(servers.message(answer))
        raise LogsMissing(reason or "The hub keeps no output of servers.")
    if answer.status == 403:
        raise HubRefused(
            "The hub does not accept the secret of its spawn hook. An administrator sets"
            " LAUNCHER_HOOK_TOKEN to the same secret for the hub and for the launcher."
        )
    if answer.status != 200:
        raise hub.unavailable(f"it does not answer for the log ({answer.status})")


def _page(hub: Hub, answer: Response) -> LogPage:
    try:
        body = answer.json()
    except OutboundError as error:
        raise hub.unavailable(str(error)) from error
    lines = body.get("lines") if isinstance(body, dict) else None
    after = body.get("next") if isinstance(body, dict) else None
    if not isinstance(lines, list) or not isinstance(after, str):
        raise hub.unavailable()
    if not all(isinstance(line, str) for line in lines):
        raise hub.unavailable()
    return LogPage(lines, after)
