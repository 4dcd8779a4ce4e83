"""What somebody can do after a launch that failed, by the type of the problem."""

from collections.abc import Mapping
from typing import Any

from launcher.errors import TYPE_PREFIX

_AGAIN = "Launch again. If it fails again, ask the people who run the hub."
_STOP = "press Stop the server and launch again: that ends what runs on it, and your files stay."
_ADVICE = {
    "file-exists": "Open the existing file, or choose another file name, or keep both files.",
    "in-the-way": "{change}: choose another folder or file name.",
    "not-writable": "{change}: choose a folder that you can write to.",
    "name-too-long": "{change}: choose a shorter folder or file name.",
    "insufficient-storage": "Delete files in your home that you do not need, and launch again.",
    "checkpoint-failed": "{change}: choose another file name, or keep both files.",
    "upload-refused": "Ask the people who run the hub; launching again does not help.",
    "proxy-refused": "Ask the people who run the hub; launching again does not help.",
    "server-stopped": "Launch again if you want the server to run.",
    "cancelled": "Launch again if you want it after all.",
    "queue-full": "Many servers are starting. Wait a few minutes, and launch again.",
    "hub-busy": "Many servers are starting. Wait a few minutes, and launch again.",
    "start-cooldown": "Wait a minute, and launch again.",
    "starts-failing": "Servers of other people fail, too. Wait a few minutes, and launch again.",
    "start-timeout": "Launch again: the next start is often faster. If not, ask the people who run"
    " the hub.",
    "hub-unavailable": "Wait a minute, and launch again.",
    "server-limit": "Wait a few minutes, or stop a server that you do not need, and launch again.",
    "named-server-refused": "{change}: leave the field Server empty.",
    "other-environment": "Choose what to do. Stopping the server ends what runs on it; files stay.",
    "hook-missing": "Ask the people who run the hub to add these lines. Until then, launch without"
    " an environment.",
    "spawn-not-possible": "{change}: choose another environment.",
    "entrypoint-invalid": "{change}: choose another environment, or correct this one on the page"
    " Environments.",
    "entrypoint-retired": "{change}: choose another environment.",
    "entrypoint-ambiguous": "{change}: choose the environment from the list.",
    "not-on-system": "{change}: choose another environment.",
    "offers-unavailable": "Wait a minute, and launch again.",
    "checkout-failed": f"The server runs without the project. When the cause is gone, {_STOP}",
    "checkout-timeout": f"To try again, {_STOP}",
    "too-many-servers": "Stop one of them on the page Projects, and launch again.",
    "server-unresponsive": "Stop the server on the home page, and launch again.",
    "server-unreachable": "Stop the server on the home page, and launch again.",
}


def advice(problem: Mapping[str, Any], change: str) -> str:
    """What to do next, as a sentence; `change` are the words of the button to the form."""
    words = _ADVICE.get(str(problem.get("type", "")).removeprefix(TYPE_PREFIX), _AGAIN)
    return words.format(change=change)
