"""The part of Gitea's API (version 1) that the launcher uses, on a `GitSite`."""

import re
import subprocess

from aiohttp import web

_REPOSITORY = re.compile(r"/api/v1/repos/([^/]+/[^/]+)(/.*)?")
_WRITERS = ("developer", "maintainer")


async def answer(site, request):
    """The response to a request for the API."""
    user = site.user_of(request)
    if site.requests_left == 0:
        # Gitea has no limit of its own; this is the proxy's before it
        return web.Response(status=429, text="slow down", headers={"Retry-After": "40"})
    if user is None:
        return _message("invalid username, password or token", 401)
    found = _REPOSITORY.fullmatch(request.path)
    project = site.project(found[1]) if found else None
    if project is None or not project.is_visible(user):
        return _message("The target couldn't be found.", 404)
    rest = found[2] or ""
    if rest.startswith("/git/commits/"):
        return _commit(project, rest.removeprefix("/git/commits/"))
    may_push = project.levels.get(user) in _WRITERS
    permissions = {"admin": False, "push": may_push, "pull": True}
    return web.json_response({"private": project.private, "permissions": permissions})


def _commit(project, name):
    try:
        full = project.repository.git("rev-parse", "--verify", f"{name}^{{commit}}")
    except subprocess.CalledProcessError:
        return _message("object does not exist", 404)
    return web.json_response({"sha": full, "html_url": ""})


def _message(text, status):
    return web.json_response({"message": text}, status=status)
