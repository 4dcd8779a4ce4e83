"""What all parts of the client share: the connections, and how long a launch is waited for."""

from collections.abc import Callable, Mapping
from typing import Any

from launcher.client import launching
from launcher.client.events import Event
from launcher.client.launching import LaunchCall
from launcher.client.transport import Transport

OnEvent = Callable[[Event], None]
"""Is called with each event of a launch that is waited for."""


class ClientCalls:
    """The base of the parts of LauncherClient, one for each tag of the API."""

    def __init__(self, transport: Transport, start_timeout: float) -> None:
        self._transport = transport
        self._start_timeout = start_timeout

    def _get(
        self,
        *path: str,
        fields: Mapping[str, type],
        query: Mapping[str, str | None] | None = None,
    ) -> dict[str, Any]:
        return self._transport.call("GET", *path, query=query, fields={200: fields}).value

    def _ended(
        self, call: LaunchCall, wait: float | None, on_event: OnEvent | None
    ) -> dict[str, Any]:
        """The launch, or what the answer says of it, at its end."""
        seconds = self._start_timeout if wait is None else wait
        return launching.ended(self._transport, call, seconds, on_event)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
