"""Builds the application from its parts."""

import functools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount

from launcher import internal_ssl, keys, outbound, store, web
from launcher.api import problems, specification
from launcher.api.bodies import OnlyJSON
from launcher.api.paths import OnlyCommits
from launcher.api.timing import Timed
from launcher.app.building import Building, SharedState
from launcher.auth.sessions import Sessions
from launcher.config import Launcher
from launcher.configured import Configured
from launcher.experiments import Catalogue
from launcher.logs import RequestId
from launcher.metrics import Metrics
from launcher.web import additional

log = logging.getLogger("launcher")

# of one worker; separate, so that servers that do not respond cannot use the hub's connections
HUB_CONNECTIONS = 256
SERVER_CONNECTIONS = 512
WEBHOOK_CONNECTIONS = 64


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
    configured = Configured.read(settings)
    certificates = settings.certificates
    tls = internal_ssl.client_context(certificates) if certificates else None
    secret = keys.secret(Path(settings.secret_file))
    shared = SharedState()
    metrics = Metrics(settings.metrics_folder)
    document = specification.read()
    methods = problems.Methods(document["paths"], settings.prefix)
    sessions = Sessions(secret, settings.service_name)
    api = specification.create_api(
        document, settings.prefix, methods, session_cookie=sessions.cookie_name
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        store.check_version(settings.database_url)
        async with (
            outbound.open_session(metrics.upstream, connections=HUB_CONNECTIONS, tls=tls) as to_hub,
            outbound.open_session(
                metrics.upstream, connections=SERVER_CONNECTIONS, on_error=outbound.log_error
            ) as to_servers,
            configured.projects.open_session(metrics.upstream) as to_git_hosts,
            outbound.open_session(metrics.upstream, connections=WEBHOOK_CONNECTIONS) as to_webhooks,
            Building(
                settings,
                to_hub,
                to_servers,
                to_git_hosts,
                to_webhooks,
                metrics,
                stopping,
                end_process,
                configured.environments,
                configured.projects,
            ).parts(experiments, secret, shared) as parts,
        ):
            yield {"parts": parts}

    app = Starlette(
        routes=[
            *web.routes(settings.prefix),
            *additional.routes(settings.prefix, settings.additional_handlers),
            Mount("/", OnlyCommits(OnlyJSON(api), methods, settings.prefix)),
        ],
        middleware=_middleware(settings),
        exception_handlers={
            HTTPException: functools.partial(_http_error, settings.prefix, methods),
            Exception: functools.partial(_fault, settings.prefix),
        },
        lifespan=lifespan,
    )
    # not as middleware: Starlette's own response to an error is outside of the middleware
    return RequestId(Timed(app, metrics))


async def _http_error(
    prefix: str, methods: problems.Methods, request: Request, error: Exception
) -> Response:
    """The response for an error of the web framework: HTML for pages, else a problem."""
    assert isinstance(error, HTTPException)  # noqa: S101
    if web.is_page(prefix, request.url.path):
        return await web.pages.http_error(request, error)
    return problems.page_error(request, error, methods)


async def _fault(prefix: str, request: Request, error: Exception) -> Response:
    """The response for a bug: HTML for pages, else a problem."""
    response = problems.page_fault(request, error)
    if web.is_page(prefix, request.url.path):
        return await web.pages.page_fault(request)
    return response


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
