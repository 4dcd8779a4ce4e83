"""Builds the parts of one worker from the settings."""

import functools
import mmap
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from launcher import auth, keys, outbound
from launcher.app import workshop_building
from launcher.auth import Authenticator, AuthPolicy
from launcher.auth.browser import Browsers
from launcher.auth.oauth import OAuthClient, SignIns
from launcher.auth.sessions import Sessions
from launcher.config import Launcher
from launcher.configured import ConfiguredEnvironments, ConfiguredProjects
from launcher.contents import Contents
from launcher.contents.calls import Calls
from launcher.errors import StoreUnavailable
from launcher.experiments import Catalogue
from launcher.experiments.faults import MAX_FAULTS
from launcher.experiments.filling import Filling
from launcher.hub import Hub
from launcher.hub.tokens import ServerTokens
from launcher.launches.checkouts import Checkouts
from launcher.launches.engine import LaunchEngine
from launcher.launches.environment_servers import UnusedServers
from launcher.launches.environments import Environments
from launcher.launches.event_stream import EventStreams
from launcher.launches.feed import Feed
from launcher.launches.handed_over import HandedOverTokens
from launcher.launches.log_reader import LogReader
from launcher.launches.recovery import Recovery
from launcher.launches.running import RunningStarts
from launcher.launches.servers import Servers
from launcher.launches.starter import Starter
from launcher.launches.upload import Uploader
from launcher.metrics import Gauges, Metrics
from launcher.outage import Outage, SharedMemory, SharedRecord
from launcher.parts import Parts
from launcher.projects.checkout_credentials import CheckoutCredentials
from launcher.projects.credentials import Credentials
from launcher.projects.planning import Planning
from launcher.projects.prepared import PreparedServers
from launcher.projects.servers import ProjectServers
from launcher.readiness import Check, ProxyCheck, Readiness
from launcher.rendering import Renderer
from launcher.spawning import Spawning
from launcher.store import Store
from launcher.store import launches as rows
from launcher.store.breaker import STATES
from launcher.store.launches import Bounds
from launcher.store.limit import StartLimits

DAY = 86_400.0


class SharedState:
    """Memory that is shared with the workers that are forked later."""

    def __init__(self) -> None:
        memory = SharedMemory()
        self.database = Outage("the database", memory.allocate())
        self.hub = Outage("the hub", memory.allocate())
        self.token = Outage("the launcher's token", memory.allocate())
        self.proxy = Outage("the proxy", memory.allocate())
        self.breaker = memory.allocate()
        self.warned = mmap.mmap(-1, 1)


@dataclass(frozen=True)
class Building:
    """The settings and callbacks from which the parts of one worker are built."""

    settings: Launcher
    to_hub: outbound.Session
    to_servers: outbound.Session
    to_git_hosts: outbound.Session
    to_webhooks: outbound.Session
    metrics: Metrics
    stopping: Callable[[], bool]
    end_process: Callable[[], None]
    environments: "ConfiguredEnvironments"
    projects: "ConfiguredProjects"
    worker_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The worker's id in the database."""

    @asynccontextmanager
    async def parts(
        self, experiments: Catalogue, secret: bytes, shared: "SharedState"
    ) -> AsyncIterator[Parts]:
        """Build the parts, and run the background tasks for as long as the context lasts."""
        settings = self.settings
        renderer = Renderer()
        database = Store(settings.database_url, shared.database)
        hub = Hub(self.to_hub, settings.hub_api_url, settings.api_token, shared.hub)
        minted = ServerTokens(hub)
        feed = Feed(database)
        registry = self.environments.registry(database)
        git_hosts, options = self.projects.hosts, self.projects.options
        prepared = PreparedServers(
            git_hosts,
            options,
            timeout=settings.checkout_timeout,
            server_facing_url=settings.server_facing_url,
        )
        spawning = Spawning(
            database,
            registry,
            prepared,
            secret,
            server_facing_url=settings.server_facing_url,
            most_project_servers=settings.max_project_servers,
        )
        starter = self._starter(database, hub, feed, shared.breaker, spawning)
        tokens = HandedOverTokens(spawning, minted) if settings.hook_token else minted
        running = RunningStarts(hub, spawning)
        environments = Environments(hub, running, offers_servers=settings.environment_servers)
        checkouts = Checkouts(database, hub, feed, running, timeout=settings.checkout_timeout)
        contents = Contents(Calls(self.to_servers, settings.proxy_url, tokens), settings.home_path)
        launches = self._engine(database, contents, starter, feed, environments, checkouts)
        rooms = workshop_building.build(
            settings,
            database,
            hub,
            renderer,
            contents,
            launches,
            worker_id=self.worker_id,
            to_webhooks=self.to_webhooks,
            stopping=self.stopping,
        )
        credentials = Credentials(database, secret, git_hosts)
        reader, images = self.projects.clients(self.to_git_hosts)
        authenticator = Authenticator(hub, database, secret, _policy(settings))
        readiness = self._readiness(database, hub, starter, _left_out(experiments), shared)
        try:
            servers = Servers(database, hub, feed, starter)
            unused = UnusedServers(database, servers, days=settings.remove_servers_after_days)
            tasks = (feed.run, starter.run, readiness.run, unused.run, *rooms.tasks)
            async with self._recovery(database, launches, tasks).running():
                yield Parts(
                    settings=settings,
                    experiments=experiments,
                    filling=Filling(settings.notebook_provenance, settings.own_url),
                    store=database,
                    hub=hub,
                    registry=registry,
                    spawning=spawning,
                    git_hosts=git_hosts,
                    credentials=credentials,
                    server_options=options,
                    planning=Planning(
                        git_hosts,
                        reader,
                        credentials,
                        options,
                        images,
                        folder=settings.projects_folder,
                    ),
                    project_servers=ProjectServers(
                        database, launches, servers, options, most=settings.max_project_servers
                    ),
                    checkouts=checkouts,
                    checkout_credentials=CheckoutCredentials(database, git_hosts, credentials),
                    launches=launches,
                    starter=starter,
                    servers=servers,
                    server_logs=LogReader(hub, spawning, settings.hook_token),
                    feed=feed,
                    event_streams=EventStreams(
                        database, feed, self.stopping, most_streams=settings.max_streams_per_user
                    ),
                    events=rooms.events,
                    event_feed=rooms.event_feed,
                    notebooks=rooms.notebooks,
                    workshops=rooms.workshops,
                    dashboards=rooms.dashboards,
                    exports=rooms.exports,
                    material=rooms.material,
                    class_launches=rooms.class_launches,
                    authenticator=authenticator,
                    browsers=Browsers(
                        Sessions(secret, settings.service_name),
                        authenticator,
                        shares_cookies=settings.shares_cookies_with_hub,
                    ),
                    renderer=renderer,
                    link_key=keys.link_key(secret),
                    sign_ins=SignIns(secret, _oauth_client(settings)),
                    readiness=readiness,
                    metrics=self.metrics,
                    gauges=functools.partial(_gauges, database, starter),
                )
        finally:
            await renderer.close()
            minted.close()
            database.close()

    def _readiness(
        self,
        database: Store,
        hub: Hub,
        starter: Starter,
        static: tuple[Check, ...],
        shared: "SharedState",
    ) -> Readiness:
        settings = self.settings
        # through the proxy, a refused connection says nothing about the hub
        through_proxy = settings.reaches_hub_by_proxy
        proxy = ProxyCheck(self.to_servers, settings.proxy_url, shared.proxy)
        return Readiness(
            hub,
            database,
            worker_id=self.worker_id,
            strict_scopes=settings.strict_scopes,
            mints_tokens=not settings.hook_token,
            warned=shared.warned,
            outage=shared.token,
            hub_restarted=None if through_proxy else starter.hub_restarted,
            static=static,
            proxy=None if through_proxy else proxy,
        )

    def _starter(
        self, database: Store, hub: Hub, feed: Feed, logged: SharedRecord, spawning: Spawning
    ) -> Starter:
        settings = self.settings
        limits = StartLimits(
            hub_failure_limit=settings.hub_failure_limit,
            cooldown=settings.start_cooldown,
            open_seconds=settings.breaker_seconds,
            max_starts=settings.max_starts,
            max_queued=settings.max_queued,
        )
        return Starter(
            database,
            hub,
            feed,
            self.metrics,
            worker_id=self.worker_id,
            logged=logged,
            limits=limits,
            timeout=settings.start_timeout,
            patience=settings.hub_patience,
            queue_timeout=settings.queue_timeout,
            user_options=spawning.user_options,
        )

    def _engine(
        self,
        database: Store,
        contents: Contents,
        starter: Starter,
        feed: Feed,
        environments: Environments,
        checkouts: Checkouts,
    ) -> LaunchEngine:
        settings = self.settings
        return LaunchEngine(
            database,
            Uploader(database, contents),
            starter,
            feed,
            self.metrics,
            environments,
            checkouts,
            worker_id=self.worker_id,
            patience=settings.hub_patience,
            upload_timeout=settings.upload_timeout,
            bounds=Bounds(settings.max_launches_per_user, settings.max_launches_per_minute),
            stopping=self.stopping,
        )

    def _recovery(
        self,
        database: Store,
        launches: LaunchEngine,
        tasks: Iterable[Callable[[], Coroutine[Any, Any, None]]],
    ) -> Recovery:
        return Recovery(
            database,
            launches,
            worker_id=self.worker_id,
            retention=self.settings.launch_retention_days * DAY,
            workshop_retention=self.settings.workshop_retention_days * DAY,
            tasks=tasks,
            end_process=self.end_process,
        )


def _left_out(experiments: Catalogue) -> tuple[Check, ...]:
    """The check of /ready for folders that are left out; the others can be launched."""
    if not experiments.faults:
        return ()
    shown = " ".join(str(fault) for fault in experiments.faults[:MAX_FAULTS])
    more = len(experiments.faults) - MAX_FAULTS
    rest = f" And {more} more: see the log." if more > 0 else ""
    return (Check("experiments", True, f"Folders are left out. {shown}{rest}"),)


async def _gauges(database: Store, starter: Starter) -> Gauges:
    """The gauges from the database; none while it is down, so that other metrics stay available."""
    try:
        now = await starter.status()
        return {
            "launcher_launches_in_flight": await database.read(rows.count_by_state),
            "launcher_starts_queued": now.queued,
            "launcher_starts_in_flight": now.in_flight,
            "launcher_starts_limit": now.limit,
            "launcher_starts_failed_in_a_row": now.failed,
            "launcher_start_cooldowns": now.cooling_down,
            "launcher_breaker_state": {state: float(state == now.state) for state in STATES},
        }
    except StoreUnavailable:
        return {}


def _policy(settings: Launcher) -> AuthPolicy:
    return AuthPolicy(
        service_name=settings.service_name,
        strict_scopes=settings.strict_scopes,
        identity_seconds=settings.identity_seconds,
        limits=auth.LoginLimits(
            passwords_of_name=settings.max_failed_logins,
            passwords=settings.max_failed_logins_per_address,
            tokens=settings.max_unknown_tokens_per_address,
        ),
        proxies=auth.TrustedProxies.of(settings.trusted_hops, settings.trusted_proxies),
    )


def _oauth_client(settings: Launcher) -> OAuthClient:
    return OAuthClient(
        client_id=settings.oauth_client_id,
        secret=settings.api_token,
        authorize_url=f"{settings.jupyterhub_url.rstrip('/')}/hub/api/oauth2/authorize",
        token_url=f"{settings.hub_api_url.rstrip('/')}/oauth2/token",
        redirect_uri=settings.oauth_redirect_uri,
        certificates=settings.certificates,
    )
