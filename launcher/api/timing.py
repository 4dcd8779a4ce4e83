"""Measures the time until a response begins, by operation; used by app only."""

import time
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.metrics import Metrics


class Timed:
    """Counts every response when it begins: the duration of streams does not count."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and count its response."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = time.perf_counter()
        # Connexion stores the operation here: it copies the scope, but not this dictionary
        extensions = scope["extensions"] = {**scope.get("extensions", {})}

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - begun
                handler = _handler(extensions)
                self._metrics.request(scope["method"], handler, message["status"], seconds)
            await send(message)

        await self._app(scope, receive, send_and_count)


def _handler(extensions: dict[str, Any]) -> str:
    operation = extensions.get(ROUTING_CONTEXT, {}).get("operation_id")
    return operation.removeprefix("launcher.api.") if operation else "none"
