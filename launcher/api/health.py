"""Tag `health`: for those who watch over the service."""

import asyncio
from typing import Any

from starlette.responses import Response

from launcher.api import here
from launcher.metrics import MEDIA_TYPE


async def health() -> dict[str, Any]:
    """That this process answers; nothing else is asked."""
    return {"ok": True}


async def ready() -> tuple[dict[str, Any], int]:
    """Whether launches can succeed."""
    checks = here().readiness.report()
    ok = all(check.ok for check in checks)
    body = {"ok": ok, "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]}
    return body, 200 if ok else 503


async def metrics() -> Response:
    """What was counted so far, and how launches stand now."""
    parts = here()
    text = await asyncio.to_thread(parts.metrics.text, await parts.gauges())
    return Response(text, media_type=MEDIA_TYPE)
