"""How long requests wait for their answer, by operation; used by app.py alone."""

import time
from typing import Any

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.metrics import Metrics


class Timed:
    """Counts every answer when it begins, so that a stream counts no longer than others."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and look at the clock."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = time.perf_counter()
        # Connexion leaves the operation's name here: it copies the scope, but not this
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
