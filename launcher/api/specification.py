"""openapi.yaml, and the Connexion application that serves it."""

import functools
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from connexion import AsyncApp
from connexion.exceptions import ProblemException
from connexion.options import SwaggerUIOptions
from connexion.resolver import Resolution, Resolver
from starlette.exceptions import HTTPException
from starlette.responses import Response

from launcher.api import problems, security
from launcher.api.bodies import JSONBody
from launcher.api.parameters import Parameters
from launcher.errors import LauncherError

SPECIFICATION = Path(__file__).parents[1] / "openapi.yaml"

logging.getLogger("connexion").setLevel(logging.ERROR)


def read() -> dict[str, Any]:
    """Read openapi.yaml; with libyaml if PyYAML has it, in a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(
        SPECIFICATION.read_text(encoding="utf-8"),
        Loader=loader,  # noqa: S506 - either is a SafeLoader
    )
    return document


def create_api(
    document: dict[str, Any], prefix: str, methods: problems.Methods, *, session_cookie: str
) -> AsyncApp:
    """Create the Connexion application that serves the operations of the document.

    `session_cookie` is the name of the cookie of the scheme `session`.
    """
    document["components"]["securitySchemes"]["session"]["name"] = session_cookie
    api = AsyncApp(
        "launcher",
        specification_dir=str(SPECIFICATION.parent),
        swagger_ui_options=SwaggerUIOptions(swagger_ui=False),
    )
    api.add_api(
        document,
        base_path=prefix or None,
        resolver=_JSONResolver(),
        strict_validation=True,
        validator_map={"parameter": Parameters, "body": {"application/json": JSONBody}},
    )
    schemes = (security.token, security.basic, security.session, security.metrics_reader)
    for function in (*schemes, security.hook, security.server, security.event_sender):
        _keep_signature(function)
    api.add_error_handler(LauncherError, problems.launcher_error)
    http_error = functools.partial(problems.http_error, methods=methods)
    api.add_error_handler(ProblemException, http_error)
    api.add_error_handler(HTTPException, http_error)
    api.add_error_handler(Exception, problems.unexpected)
    return api


class _JSONResolver(Resolver):
    """Sets the media type of handlers' results to JSON; openapi.yaml declares problem+json, too."""

    def resolve(self, operation: Any) -> Resolution:
        found = super().resolve(operation)
        _keep_signature(found.function)
        return Resolution(_returning_json(found.function), found.operation_id)


def _keep_signature(function: Callable[..., Any]) -> None:
    """Cache the function's signature, which Connexion computes for every request."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]


def _returning_json(handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    async def respond(*args: Any, **kwargs: Any) -> Response | tuple[Any, int, dict[str, str]]:
        result = await handler(*args, **kwargs)
        if isinstance(result, Response):
            return result
        body, status, *more = result if isinstance(result, tuple) else (result, 200)
        headers = more[0] if more else {}
        if status == 204:
            return Response(status_code=204)
        return body, status, {"Content-Type": "application/json", **headers}

    return respond
