"""The handlers of openapi.yaml, one module per tag: each asks one story or part."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from connexion import request
from connexion.context import scope

from launcher.auth import Gate
from launcher.config import Launcher
from launcher.experiments import Catalogue
from launcher.feed import Feed
from launcher.following import Follower
from launcher.hub import Hub
from launcher.launches import Launches
from launcher.metrics import Gauges, Metrics
from launcher.readiness import Readiness
from launcher.starting import Starter


@dataclass(frozen=True)
class Parts:
    """What a running launcher is made of; the application's lifespan puts it into its state."""

    settings: Launcher
    experiments: Catalogue
    hub: Hub
    launches: Launches
    starter: Starter
    feed: Feed
    follower: Follower
    gate: Gate
    readiness: Readiness
    metrics: Metrics
    gauges: Callable[[], Awaitable[Gauges]]


def here() -> Parts:
    """The parts of the application that serves the current request."""
    parts: Parts = scope["state"]["parts"]
    return parts


def asked(name: str) -> str:
    """What the query holds under that name, or ''."""
    return str(request.query_params.get(name) or "")


def sent(header: str) -> str:
    """The value of a header, or ''."""
    return str(request.headers.get(header) or "").strip()


def origin() -> str | None:
    """The origin of the page that asks, as its browser says (RFC 6454)."""
    return request.headers.get("origin")
