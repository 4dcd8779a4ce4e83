"""What the states of a launch mean to people, on the pages and on the command line."""

from typing import Final

STATES: Final = {
    "queued": "Waiting for a place",
    "starting": "Your server is starting",
    "uploading": "The notebook is being written",
    "done": "Ready",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
# the checkout runs beside the start of the server: it may have ended, or failed, before this state
STATES_OF_PROJECT: Final = {**STATES, "uploading": "Your server runs"}
