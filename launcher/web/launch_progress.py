"""How far a launch is: its steps, the spawner's messages, and a percentage."""

from collections.abc import Sequence
from dataclasses import dataclass

from launcher.launch_states import STATES, STATES_OF_PROJECT
from launcher.store.launch_events import LaunchEvent
from launcher.store.launches import Launch

# the last messages are shown
MAX_MESSAGES = 8
MAX_MESSAGE = 300
STEPS = {
    "queued": "Wait for a place",
    "starting": "Start your server",
    "uploading": "Write the notebook",
    "done": "Ready",
}
STEPS_OF_PROJECT = {**STEPS, "uploading": "Open the project"}
# what a launch has done before each state; the spawner's percentage is of the start alone
_BEFORE = {"queued": 5, "starting": 10, "uploading": 85}
_START = 0.7


@dataclass(frozen=True)
class Step:
    """One step of a launch."""

    words: str
    status: str
    """`past`, `skipped`, `now`, `later`, or `failed`: the last one begun of a launch that ended."""
    at: float | None
    """When it began."""


@dataclass(frozen=True)
class Message:
    """A message of the spawner, or of the checkout of a project."""

    text: str
    at: float
    """When it came for the first time."""


def state_of(launch: Launch) -> str:
    """The state of a launch, for people."""
    return (STATES_OF_PROJECT if launch.project else STATES)[launch.state]


def steps(launch: Launch, events: Sequence[LaunchEvent]) -> list[Step]:
    """The steps, of which those that are not reached yet have no time."""
    times = {"queued": launch.created_at}
    times |= {e.data["state"]: e.at for e in events if e.event == "state" and "state" in e.data}
    if launch.state == "done":
        times["done"] = launch.updated_at
    names = [name for name in STEPS if name != "uploading" or launch.notebook or launch.project]
    words = STEPS_OF_PROJECT if launch.project else STEPS
    reached = max(names.index(name) for name in times if name in names)
    return [
        Step(words[name], _status(name, number - reached, launch, times), times.get(name))
        for number, name in enumerate(names)
    ]


def _status(name: str, distance: int, launch: Launch, times: dict[str, float]) -> str:
    """The status of a step that is so many steps after the last one that was begun."""
    if distance < 0 or launch.state == "done":
        # a server that runs is not started
        return "skipped" if name == "starting" and name not in times else "past"
    if distance > 0:
        return "later"
    return "failed" if launch.ended else "now"


def messages(events: Sequence[LaunchEvent]) -> list[Message]:
    """The last messages of the spawner and the checkout; one that is repeated is there once."""
    found: dict[str, float] = {}
    for event in events:
        text = str(event.data.get("message", "")).strip()[:MAX_MESSAGE]
        if event.event == "progress" and text:
            found.setdefault(text, event.at)
    return [Message(text, at) for text, at in found.items()][-MAX_MESSAGES:]


def percent(launch: Launch, events: Sequence[LaunchEvent]) -> int:
    """How far the launch is, from 0 to 100."""
    before = _BEFORE.get(launch.state, 100)
    given = [event.data.get("progress") for event in events if event.event == "progress"]
    numbers = [number for number in given if isinstance(number, int | float)]
    if launch.state == "starting" and numbers:
        return before + round(_START * min(100, max(0, numbers[-1])))
    return before
