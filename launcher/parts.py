"""The parts of a running launcher, for API handlers and pages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from launcher.auth import Authenticator
from launcher.auth.browser import Browsers
from launcher.auth.oauth import SignIns
from launcher.config import Launcher
from launcher.entrypoints.registry import Registry
from launcher.experiments import Catalogue
from launcher.experiments.filling import Filling
from launcher.hub import Hub
from launcher.launches.checkouts import Checkouts
from launcher.launches.engine import LaunchEngine
from launcher.launches.event_stream import EventStreams
from launcher.launches.feed import Feed
from launcher.launches.log_reader import LogReader
from launcher.launches.servers import Servers
from launcher.launches.starter import Starter
from launcher.metrics import Gauges, Metrics
from launcher.projects.checkout_credentials import CheckoutCredentials
from launcher.projects.credentials import Credentials
from launcher.projects.hosts import GitHosts
from launcher.projects.options import ServerOptions
from launcher.projects.planning import Planning
from launcher.projects.servers import ProjectServers
from launcher.readiness import Readiness
from launcher.rendering import Renderer
from launcher.spawning import Spawning
from launcher.store import Store
from launcher.workshops.class_launches import ClassLaunches
from launcher.workshops.dashboards import Dashboards
from launcher.workshops.events import Events
from launcher.workshops.export import Exports
from launcher.workshops.material import Material
from launcher.workshops.notebooks import Notebooks
from launcher.workshops.registry import Workshops
from launcher.workshops.stream import EventFeed


@dataclass(frozen=True)
class Parts:
    """The parts of one worker, in `request.state.parts` (from the application's lifespan)."""

    settings: Launcher
    experiments: Catalogue
    filling: Filling
    store: Store
    hub: Hub
    registry: Registry
    spawning: Spawning
    git_hosts: GitHosts
    credentials: Credentials
    server_options: ServerOptions
    planning: Planning
    project_servers: ProjectServers
    checkouts: Checkouts
    checkout_credentials: CheckoutCredentials
    launches: LaunchEngine
    starter: Starter
    servers: Servers
    server_logs: LogReader
    feed: Feed
    event_streams: EventStreams
    events: Events
    event_feed: EventFeed
    notebooks: Notebooks
    """The saved notebooks of participants."""
    workshops: Workshops
    dashboards: Dashboards
    exports: Exports
    material: Material
    """The notebooks that teachers give to participants."""
    class_launches: ClassLaunches
    authenticator: Authenticator
    browsers: Browsers
    sign_ins: SignIns
    renderer: Renderer
    link_key: bytes
    """The key of signed links."""
    readiness: Readiness
    metrics: Metrics
    gauges: Callable[[], Awaitable[Gauges]]
