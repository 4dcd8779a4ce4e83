"""Builds the parts and joins them: the only module that knows them all."""

import functools
import inspect
import logging
import mmap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from connexion import AsyncApp
from connexion.exceptions import ProblemException
from connexion.options import SwaggerUIOptions
from connexion.resolver import Resolution, Resolver
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

from launcher import auth, keys, outbound, store, web
from launcher.api import Parts, problems
from launcher.api.bodies import JSONBody, OnlyJSON
from launcher.auth import Gate, Policy
from launcher.config import Launcher
from launcher.contents import Contents
from launcher.errors import LauncherError
from launcher.experiments import Catalogue
from launcher.hub import Hub
from launcher.launches import Launches
from launcher.readiness import Readiness
from launcher.store import Store

SPECIFICATION = Path(__file__).with_name("openapi.yaml")


def create_app(settings: Launcher) -> Starlette:
    """The whole service as an ASGI application; raises ConfigError."""
    experiments = Catalogue.load(settings.experiment_paths)
    secret = keys.secret(Path(settings.secret_file))
    warned = mmap.mmap(-1, 1)  # shared with the workers that are forked later

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        store.check_version(settings.database_url)
        async with _parts(settings, experiments, secret, warned) as parts:
            yield {"parts": parts}

    return Starlette(
        routes=[*web.routes(settings.prefix), Mount("/", OnlyJSON(_api(settings.prefix)))],
        middleware=_middleware(settings),
        exception_handlers={HTTPException: problems.page_error},
        lifespan=lifespan,
    )


@asynccontextmanager
async def _parts(
    settings: Launcher, experiments: Catalogue, secret: bytes, warned: mmap.mmap
) -> AsyncIterator[Parts]:
    database = Store(settings.database_url)
    try:
        async with outbound.open_session() as session:
            hub = Hub(session, settings.hub_api_url, settings.api_token)
            contents = Contents(session, settings.proxy_url, settings.api_token)
            yield Parts(
                settings=settings,
                experiments=experiments,
                launches=Launches(
                    database,
                    hub,
                    contents,
                    timeout=settings.start_timeout,
                    patience=settings.hub_patience,
                ),
                gate=Gate(hub, database, secret, _policy(settings)),
                readiness=Readiness(
                    hub, database, strict_scopes=settings.strict_scopes, warned=warned
                ),
            )
    finally:
        database.close()


def _policy(settings: Launcher) -> Policy:
    return Policy(
        service_name=settings.service_name,
        strict_scopes=settings.strict_scopes,
        identity_seconds=settings.identity_seconds,
        max_failed_logins=settings.max_failed_logins,
        trusted_hops=settings.trusted_hops,
    )


def _api(prefix: str) -> AsyncApp:
    api = AsyncApp(
        "launcher",
        specification_dir=str(SPECIFICATION.parent),
        swagger_ui_options=SwaggerUIOptions(swagger_ui=False),
    )
    api.add_api(
        SPECIFICATION.name,
        base_path=prefix or None,
        resolver=_JSONResolver(),
        strict_validation=True,
        validator_map={"body": {"application/json": JSONBody}},
    )
    for function in (auth.token, auth.basic):
        _keep_signature(function)
    api.add_error_handler(LauncherError, problems.launcher_error)
    paths = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))["paths"]
    http_error = functools.partial(problems.http_error, methods=problems.Methods(paths, prefix))
    api.add_error_handler(ProblemException, http_error)
    api.add_error_handler(HTTPException, http_error)
    api.add_error_handler(Exception, problems.unexpected)
    return api


class _JSONResolver(Resolver):
    """Says of every handler's answer that it is JSON: problem+json is declared beside it."""

    def resolve(self, operation: Any) -> Resolution:
        found = super().resolve(operation)
        _keep_signature(found.function)
        return Resolution(_answering_json(found.function), found.operation_id)


def _keep_signature(function: Callable[..., Any]) -> None:
    """Connexion asks for the signature of handlers and security functions with every request."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]


def _answering_json(handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def answer(*args: Any, **kwargs: Any) -> tuple[Any, int, dict[str, str]]:
        result = await handler(*args, **kwargs)
        body, status = result if isinstance(result, tuple) else (result, 200)
        return body, status, {"Content-Type": "application/json"}

    return answer


def _middleware(settings: Launcher) -> list[Middleware]:
    chain = [Middleware(web.SecurityHeaders)]
    if settings.allowed_origins:
        chain.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
                max_age=600,
            )
        )
    return chain


logging.getLogger("connexion").setLevel(logging.ERROR)
