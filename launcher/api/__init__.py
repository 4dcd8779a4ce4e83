"""The handlers of openapi.yaml, one module per tag: each asks one story or part."""

from dataclasses import dataclass

from connexion import request

from launcher.auth import Gate
from launcher.config import Launcher
from launcher.experiments import Catalogue
from launcher.launches import Launches
from launcher.readiness import Readiness


@dataclass(frozen=True)
class Parts:
    """What a running launcher is made of; the application's lifespan puts it into its state."""

    settings: Launcher
    experiments: Catalogue
    launches: Launches
    gate: Gate
    readiness: Readiness


def here() -> Parts:
    """The parts of the application that serves the current request."""
    return request.state.parts


def origin() -> str | None:
    """The origin of the page that asks, as its browser says (RFC 6454)."""
    return request.headers.get("origin")
