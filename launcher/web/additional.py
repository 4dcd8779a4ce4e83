"""Routes of the site's own (`c.Launcher.additional_handlers`), beside those of the launcher."""

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Scope

from launcher.errors import ConfigError


def routes(prefix: str, handlers: Sequence[Any]) -> list[Mount]:
    """The site's routes below the launcher's address; raises ConfigError."""
    if not all(isinstance(handler, BaseRoute) for handler in handlers):
        raise ConfigError(
            "c.Launcher.additional_handlers must be a list of routes, such as"
            " starlette.routing.Route('/status', status)."
        )
    return [_OwnRoutes(prefix, routes=list(handlers))] if handlers else []


class _OwnRoutes(Mount):
    """Routes that leave what they do not know to the launcher."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match only what one of the routes answers; other methods of its path are not taken."""
        match, child = super().matches(scope)
        if match is Match.NONE:
            return match, child
        inner = {**scope, **child}
        if any(route.matches(inner)[0] is Match.FULL for route in self.routes):
            return match, child
        return Match.NONE, {}
