"""The parts of a running launcher, for API handlers and pages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from launcher.auth import Authenticator
from launcher.config import Launcher
from launcher.experiments import Catalogue
from launcher.hub import Hub
from launcher.launches.engine import LaunchEngine
from launcher.launches.event_stream import EventStreams
from launcher.launches.feed import Feed
from launcher.launches.servers import Servers
from launcher.launches.starter import Starter
from launcher.metrics import Gauges, Metrics
from launcher.readiness import Readiness


@dataclass(frozen=True)
class Parts:
    """The parts of one worker, in `request.state.parts` (from the application's lifespan)."""

    settings: Launcher
    experiments: Catalogue
    hub: Hub
    launches: LaunchEngine
    starter: Starter
    servers: Servers
    feed: Feed
    event_streams: EventStreams
    authenticator: Authenticator
    readiness: Readiness
    metrics: Metrics
    gauges: Callable[[], Awaitable[Gauges]]
