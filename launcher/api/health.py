"""Tag `health`: liveness, readiness and metrics."""

import asyncio
from typing import Any

from starlette.responses import Response

from launcher.api import here
from launcher.metrics import MEDIA_TYPE


async def health() -> dict[str, Any]:
    """Respond, without any check: this worker is alive."""
    return {"ok": True}


async def ready() -> tuple[dict[str, Any], int]:
    """The results of the readiness checks; 503 if one of them failed."""
    checks = here().readiness.report()
    ok = all(check.ok for check in checks)
    body = {"ok": ok, "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]}
    return body, 200 if ok else 503


async def metrics() -> Response:
    """All metrics, in the text format of Prometheus."""
    parts = here()
    text = await asyncio.to_thread(parts.metrics.text, await parts.gauges())
    return Response(text, media_type=MEDIA_TYPE)
