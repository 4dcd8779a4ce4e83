"""Routes of the site's own (`c.Launcher.additional_handlers`), beside those of the launcher."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Scope


def routes(prefix: str, handlers: Sequence[BaseRoute]) -> list[Mount]:
    """The site's routes below the launcher's address."""
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
