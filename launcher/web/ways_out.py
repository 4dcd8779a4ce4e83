"""What can be done about a server that runs, but not with what a launch asks for."""

from dataclasses import dataclass, replace

from launcher.errors import (
    TYPE_PREFIX,
    BadRequest,
    CheckoutFailed,
    CheckoutTimeout,
    OtherEnvironment,
)
from launcher.server_ref import ServerRef
from launcher.store.launches import Launch

RESTART, OPEN, NAMED_SERVER = "restart", "open", "named_server"
_WORDS = {
    RESTART: "Stop the server and launch again",
    OPEN: "Open it where it runs",
    NAMED_SERVER: "Launch on a server of its own",
}

# a checkout begins with the start of its server
NOT_CHECKED_OUT = {TYPE_PREFIX + each.slug for each in (CheckoutFailed, CheckoutTimeout)}


@dataclass(frozen=True)
class WayOut:
    """A button of the page of a launch."""

    action: str
    words: str
    launch: Launch
    """The launch with what is different the next time."""


def ways_out(launch: Launch) -> list[WayOut]:
    """What the problem of the launch offers; nothing if it has another problem."""
    problem = launch.problem or {}
    if problem.get("type") in NOT_CHECKED_OUT:
        return [WayOut(RESTART, _WORDS[RESTART], launch)]
    if problem.get("type") != TYPE_PREFIX + OtherEnvironment.slug:
        return []
    offered = [each for each in problem.get("ways_out", ()) if each["action"] in _WORDS]
    return [
        WayOut(
            each["action"],
            _WORDS[each["action"]],
            _changed(launch, each["action"], each.get("server", "")),
        )
        for each in offered
    ]


def find(launch: Launch, action: str) -> WayOut:
    """The way out that a button stands for; raises BadRequest."""
    for each in ways_out(launch):
        if each.action == action:
            return each
    raise BadRequest("This button is not known for this launch. Nothing was launched.")


def _changed(launch: Launch, action: str, server: str) -> Launch:
    if action == OPEN:
        return replace(launch, environment=None)
    if action == NAMED_SERVER:
        return replace(launch, server=ServerRef(launch.user, server))
    return launch
