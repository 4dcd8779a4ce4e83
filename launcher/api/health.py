"""Tag `health`: for those who watch over the service."""

from typing import Any

from launcher.api import here


async def health() -> dict[str, Any]:
    """That this process answers; nothing else is asked."""
    return {"ok": True}


async def ready() -> tuple[dict[str, Any], int]:
    """Whether launches can succeed."""
    checks = await here().readiness.report()
    ok = all(check.ok for check in checks)
    body = {"ok": ok, "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]}
    return body, 200 if ok else 503
