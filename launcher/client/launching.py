"""Starts launches, with repeated requests, and polls them until their end."""

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from launcher import errors
from launcher.client import events
from launcher.client.answers import Answer, problem_of
from launcher.client.errors import (
    ClientError,
    LauncherProblem,
    UnexpectedAnswer,
    Unfinished,
)
from launcher.client.events import Event
from launcher.client.repeating import insist
from launcher.client.transport import Transport

# proxies close what is silent for a minute
MOST_SECONDS_TO_WAIT = 45
# then the events are followed; a server that runs is opened in less
SECONDS_BEFORE_EVENTS = 2
SECONDS_TO_ANSWER = 15.0
POLL_SECONDS = 2.0
ENDED = ("done", "failed", "cancelled")

LAUNCH = {"id": str, "state": str}
DONE = {"location": str}


@dataclass(frozen=True)
class LaunchCall:
    """The request of a launch, with its idempotency key."""

    path: tuple[str, ...]
    body: Mapping[str, Any]
    user: str | None = None
    given_key: str | None = None
    own_key: str = field(default_factory=lambda: uuid.uuid4().hex)
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.given_key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", self.given_key):
            raise ValueError("idempotency_key must be 1 to 255 visible characters of ASCII")

    @property
    def key(self) -> str:
        """The idempotency key: the given one, otherwise a generated one."""
        return self.given_key or self.own_key

    def again(self) -> "LaunchCall":
        """Return the same request with a new generated key."""
        return replace(self, own_key=uuid.uuid4().hex)


def start(transport: Transport, call: LaunchCall, seconds: float) -> dict[str, Any]:
    """Start a launch and return it; raises ClientError."""
    answer = _ask(transport, call, "respond-async", time.monotonic() + seconds)
    if answer.status == 202:
        return answer.value
    if not answer.launch_id:
        raise UnexpectedAnswer("The answer does not say which launch it belongs to.")
    return find(transport, answer.launch_id, call.user)  # its key came before, and it has ended


def find(transport: Transport, launch_id: str, user: str | None) -> dict[str, Any]:
    """Return a launch as it is now; raises ClientError."""
    path, query = ("launches", launch_id), {"user": user}
    return transport.call("GET", *path, query=query, fields={200: LAUNCH}).value


def ended(
    transport: Transport,
    call: LaunchCall,
    seconds: float,
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Launch, wait, and return the answer of a launch that is done, or else the launch.

    It is empty if there was nothing to launch. Raises Unfinished or another ClientError.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            return _done(transport, call, seconds, until, on_event)
        except LauncherProblem as problem:
            pause = _until_there_is_room(problem)
            if call.given_key or pause is None or time.monotonic() + pause >= until:
                raise
        time.sleep(pause)
        call = call.again()  # that one failed, without a notebook


def location_of(found: Mapping[str, Any]) -> str:
    """Return the URL in the answer; raises UnexpectedAnswer."""
    location = found.get("location")
    if not isinstance(location, str):
        raise UnexpectedAnswer("The launch is done, but has no location.")
    return location


def _until_there_is_room(problem: LauncherProblem) -> float | None:
    return problem.retry_after if problem.type.endswith(":queue-full") else None


def _done(
    transport: Transport,
    call: LaunchCall,
    seconds: float,
    until: float,
    on_event: Callable[[Event], None] | None,
) -> dict[str, Any]:
    most = SECONDS_BEFORE_EVENTS if on_event else MOST_SECONDS_TO_WAIT
    answer = _ask(transport, call, f"wait={int(min(most, _left(until)))}", until)
    if answer.status != 202:
        return answer.value
    launch = _reported(transport, call, answer.value, until, on_event) if on_event else answer.value
    found = _followed(transport, call, launch, seconds, until, answer.retry_after)
    if "warnings" in answer.value:
        # the first answer alone has them
        found = {**found, "warnings": answer.value["warnings"]}
    return found


def _reported(
    transport: Transport,
    call: LaunchCall,
    launch: dict[str, Any],
    until: float,
    on_event: Callable[[Event], None],
) -> dict[str, Any]:
    """Report the events of a launch until it has ended or cannot be followed; return its state."""
    on_event(Event("launch", launch))
    for event in _events(transport, call, launch["id"], until):
        on_event(event)
        if event.name == "end":
            return {**launch, **event.data}
        if event.name == "state":
            launch = {**launch, "state": str(event.data.get("state"))}
    return launch


def _events(
    transport: Transport, call: LaunchCall, launch_id: str, until: float
) -> Iterator[Event]:
    try:
        yield from events.follow(transport, launch_id, call.user, until)
    except ClientError:
        return  # what is wrong shows when the launch is polled


def _ask(transport: Transport, call: LaunchCall, prefer: str, until: float) -> Answer:
    return insist(
        lambda: transport.call(
            call.method,
            *call.path,
            body=call.body,
            query={"user": call.user, **call.query},
            headers={"Prefer": prefer, "Idempotency-Key": call.key},
            fields={200: DONE, 201: DONE, 202: LAUNCH, 204: {}},
            seconds=min(MOST_SECONDS_TO_WAIT + SECONDS_TO_ANSWER, max(0.1, _left(until))),
        ),
        until,
    )


def _followed(
    transport: Transport,
    call: LaunchCall,
    now: dict[str, Any],
    seconds: float,
    until: float,
    pause: float | None,
) -> dict[str, Any]:
    """Poll until the launch is done and return it; raises ClientError if it failed."""
    launch_id = now["id"]
    while now["state"] not in ENDED:
        if _left(until) <= 0:
            raise Unfinished(launch_id, now["state"], seconds)
        time.sleep(min(pause or POLL_SECONDS, _left(until)))
        now = insist(lambda: find(transport, launch_id, call.user), until)
    if now["state"] == "done":
        return now
    raise _problem(now)


def _left(until: float) -> float:
    return max(0.0, until - time.monotonic())


def _problem(launch: Mapping[str, Any]) -> LauncherProblem:
    problem = launch.get("problem")
    if not isinstance(problem, dict):
        cancelled = "The launch was cancelled before its end."
        problem = errors.Cancelled(cancelled).problem()
    status, again = problem.get("status"), problem.get("retry_after")
    return problem_of(
        problem,
        status=status if isinstance(status, int) else 500,
        headers={"Retry-After": str(again)} if again is not None else {},
        launch_id=launch["id"],
    )
