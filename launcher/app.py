"""Builds the application from its parts."""

import functools
import logging
import mmap
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

from launcher import auth, keys, outbound, store, web
from launcher.api import problems, specification
from launcher.api.bodies import OnlyJSON
from launcher.api.timing import Timed
from launcher.auth import Authenticator, AuthPolicy
from launcher.config import Launcher
from launcher.contents import Contents
from launcher.contents.calls import Calls
from launcher.errors import StoreUnavailable
from launcher.experiments import Catalogue
from launcher.experiments.faults import MAX_FAULTS
from launcher.hub import Hub
from launcher.hub.tokens import ServerTokens
from launcher.launches.engine import LaunchEngine
from launcher.launches.event_stream import EventStreams
from launcher.launches.feed import Feed
from launcher.launches.recovery import Recovery
from launcher.launches.servers import Servers
from launcher.launches.starter import Starter
from launcher.launches.upload import Uploader
from launcher.logs import RequestId
from launcher.metrics import Gauges, Metrics
from launcher.outage import Outage, SharedMemory, SharedRecord
from launcher.parts import Parts
from launcher.readiness import Check, ProxyCheck, Readiness
from launcher.store import Store
from launcher.store import launches as rows
from launcher.store.breaker import STATES
from launcher.store.launches import Bounds
from launcher.store.limit import StartLimits

log = logging.getLogger("launcher")

# of one worker; separate, so that servers that do not respond cannot use the hub's connections
HUB_CONNECTIONS = 256
SERVER_CONNECTIONS = 512


def _only_log() -> None:
    log.critical("this process does not work any more: restart it")


def create_app(
    settings: Launcher,
    stopping: Callable[[], bool] = lambda: False,
    end_process: Callable[[], None] = _only_log,
    experiments: Catalogue | None = None,
) -> RequestId:
    """Create the service as an ASGI application; raises ConfigError.

    `stopping` says whether the worker is shutting down: requests that wait then end. `end_process`
    is called when a background task ended by itself, so that another worker replaces this one.
    Without `experiments`, those of the settings are loaded.
    """
    experiments = experiments or Catalogue.load(settings.experiment_paths)
    secret = keys.secret(Path(settings.secret_file))
    shared = _Shared()
    metrics = Metrics(settings.metrics_folder)
    document = specification.read()
    methods = problems.Methods(document["paths"], settings.prefix)
    api = specification.create_api(document, settings.prefix, methods)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        store.check_version(settings.database_url)
        async with (
            outbound.open_session(metrics.upstream, connections=HUB_CONNECTIONS) as to_hub,
            outbound.open_session(
                metrics.upstream, connections=SERVER_CONNECTIONS, on_error=outbound.log_error
            ) as to_servers,
            _Building(settings, to_hub, to_servers, metrics, stopping, end_process).parts(
                experiments, secret, shared
            ) as parts,
        ):
            yield {"parts": parts}

    app = Starlette(
        routes=[*web.routes(settings.prefix), Mount("/", OnlyJSON(api))],
        middleware=_middleware(settings),
        exception_handlers={
            HTTPException: functools.partial(problems.page_error, methods=methods),
            Exception: problems.page_fault,
        },
        lifespan=lifespan,
    )
    # not as middleware: Starlette's own response to an error is outside of the middleware
    return RequestId(Timed(app, metrics))


class _Shared:
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
class _Building:
    """The settings and callbacks from which the parts of one worker are built."""

    settings: Launcher
    to_hub: outbound.Session
    to_servers: outbound.Session
    metrics: Metrics
    stopping: Callable[[], bool]
    end_process: Callable[[], None]
    worker_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The worker's id in the database."""

    @asynccontextmanager
    async def parts(
        self, experiments: Catalogue, secret: bytes, shared: "_Shared"
    ) -> AsyncIterator[Parts]:
        """Build the parts, and run the background tasks for as long as the context lasts."""
        settings = self.settings
        database = Store(settings.database_url, shared.database)
        hub = Hub(self.to_hub, settings.hub_api_url, settings.api_token, shared.hub)
        tokens = ServerTokens(hub)
        feed = Feed(database)
        starter = self._starter(database, hub, feed, shared.breaker)
        launches = self._engine(database, tokens, starter, feed)
        readiness = Readiness(
            hub,
            database,
            worker_id=self.worker_id,
            strict_scopes=settings.strict_scopes,
            warned=shared.warned,
            outage=shared.token,
            # through the proxy, a refused connection says nothing about the hub
            hub_restarted=None if settings.reaches_hub_by_proxy else starter.hub_restarted,
            static=_left_out(experiments),
            proxy=None if settings.reaches_hub_by_proxy else self._proxy(shared),
        )
        try:
            async with self._recovery(database, launches, starter, feed, readiness).running():
                yield Parts(
                    settings=settings,
                    experiments=experiments,
                    hub=hub,
                    launches=launches,
                    starter=starter,
                    servers=Servers(database, hub, feed, starter),
                    feed=feed,
                    event_streams=EventStreams(
                        database, feed, self.stopping, most_streams=settings.max_streams_per_user
                    ),
                    authenticator=Authenticator(hub, database, secret, _policy(settings)),
                    readiness=readiness,
                    metrics=self.metrics,
                    gauges=functools.partial(_gauges, database, starter),
                )
        finally:
            tokens.close()
            database.close()

    def _proxy(self, shared: "_Shared") -> ProxyCheck:
        return ProxyCheck(self.to_servers, self.settings.proxy_url, shared.proxy)

    def _starter(self, database: Store, hub: Hub, feed: Feed, logged: SharedRecord) -> Starter:
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
        )

    def _engine(
        self, database: Store, tokens: ServerTokens, starter: Starter, feed: Feed
    ) -> LaunchEngine:
        settings = self.settings
        calls = Calls(self.to_servers, settings.proxy_url, tokens)
        contents = Contents(calls, settings.home_path)
        return LaunchEngine(
            database,
            Uploader(database, contents),
            starter,
            feed,
            self.metrics,
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
        starter: Starter,
        feed: Feed,
        readiness: Readiness,
    ) -> Recovery:
        return Recovery(
            database,
            launches,
            worker_id=self.worker_id,
            retention=self.settings.launch_retention_days * 86_400.0,
            tasks=(feed.run, starter.run, readiness.run),
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


def _middleware(settings: Launcher) -> list[Middleware]:
    chain = [Middleware(web.SecurityHeaders)]
    if settings.allowed_origins:
        chain.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=["GET", "POST", "PATCH", "DELETE"],
                allow_headers=[
                    "Authorization",
                    "Content-Type",
                    "Idempotency-Key",
                    "Last-Event-ID",
                    "Prefer",
                ],
                expose_headers=["Link", "Location", "Retry-After", "X-Request-ID"],
                max_age=600,
            )
        )
    return chain
