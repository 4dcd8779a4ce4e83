"""The logs of the caller's servers (tag `servers`)."""

from launcher import urls
from launcher.api import here
from launcher.errors import Forbidden
from launcher.hub.users import Identity
from launcher.server_ref import ServerRef

LogAnswer = tuple[list[str], int] | tuple[list[str], int, dict[str, str]]


async def get_default(user: Identity, max_lines: int, after: str = "") -> LogAnswer:
    """Lines of the output of the caller's default server."""
    return await _lines(user, "", max_lines, after)


async def get(server_name: str, user: Identity, max_lines: int, after: str = "") -> LogAnswer:
    """Lines of the output of one of the caller's servers."""
    return await _lines(user, server_name, max_lines, after)


async def _lines(user: Identity, name: str, max_lines: int, after: str) -> LogAnswer:
    if user.is_service:
        raise Forbidden("A service has no servers.")
    server = ServerRef(user.name, urls.parse_server_name(name, "/server_name"))
    await here().servers.find(server)
    page = await here().server_logs.read(server, max_lines=max_lines, after=after)
    if not page.next:
        return page.lines, 200
    path = ("logs", name) if name else ("log",)
    query = {"max_lines": str(max_lines), "after": page.next}
    place = urls.join(here().settings.prefix, *path, query=query)
    return page.lines, 200, {"Link": f'<{place}>; rel="next"'}
