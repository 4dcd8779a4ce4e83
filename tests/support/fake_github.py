"""The part of GitHub's API that the launcher uses, on a `GitSite` as on an Enterprise Server."""

import re
import subprocess
import time

from aiohttp import web

_REPOSITORY = re.compile(r"/api/v3/repos/([^/]+/[^/]+)(/.*)?")
_PUSHERS = ("developer", "maintainer")


async def answer(site, request):
    """The response to a request for the API."""
    user = site.user_of(request)
    if site.requests_left == 0:
        # https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
        reset = str(int(time.time()) + 40)
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        return _message("API rate limit exceeded", 403, headers)
    if user is None:
        return _message("Bad credentials", 401)
    found = _REPOSITORY.fullmatch(request.path)
    project = site.project(found[1]) if found else None
    if project is None or not project.is_visible(user):
        return _message("Not Found", 404)
    rest = found[2] or ""
    if rest.startswith("/commits/"):
        return _commit(request, project, rest.removeprefix("/commits/"))
    body = {"private": project.private, "default_branch": "main"}
    if user:
        may_push = project.levels.get(user) in _PUSHERS
        body["permissions"] = {"admin": False, "push": may_push, "pull": True}
    return web.json_response(body)


def _commit(request, project, name):
    """GitHub takes the name of a branch here, too."""
    try:
        full = project.repository.git("rev-parse", "--verify", f"{name}^{{commit}}")
    except subprocess.CalledProcessError:
        return _message(f"No commit found for SHA: {name}", 422)
    if request.headers.get("Accept") == "application/vnd.github.sha":
        return web.Response(text=full, content_type="application/vnd.github.sha")
    return web.json_response({"sha": full, "files": [{"patch": "+" * 2**21}]})


def _message(text, status, headers=None):
    return web.json_response({"message": text}, status=status, headers=headers)
