"""The part of GitLab's API (version 4) that the launcher uses, on a `GitSite`."""

import re
import subprocess
import time
from urllib.parse import unquote

from aiohttp import web

LEVELS = {"guest": 10, "reporter": 20, "developer": 30, "maintainer": 40}
_PROJECT = re.compile(r"/api/v4/projects/([^/]+)(/.*)?")


async def answer(site, request):
    """The response to a request for the API."""
    user = site.user_of(request)
    if site.requests_left == 0:
        headers = {"RateLimit-Reset": str(int(time.time()) + 40), "RateLimit-Remaining": "0"}
        return web.Response(status=429, text="Retry later\n", headers=headers)
    if user is None:
        return web.json_response({"message": "401 Unauthorized"}, status=401)
    if request.path == "/api/v4/user" and user:
        return web.json_response({"id": site.id_of(user), "username": user})
    found = _PROJECT.fullmatch(request.raw_path.partition("?")[0])
    project = site.project(unquote(found[1])) if found else None
    if project is None or not project.is_visible(user):
        return _not_found("Project")
    rest = found[2] or ""
    if rest.startswith("/members/all/"):
        return _member(site, project, rest.rpartition("/")[2])
    if rest.startswith("/repository/commits/"):
        return _commit(project, user, rest.rpartition("/")[2])
    return web.json_response(_project(project, user))


def _project(project, user):
    """With the user's own role, which only those who sign in are told."""
    body = {"id": 7, "visibility": "private" if project.private else "public"}
    if user:
        level = None if user in project.invited else LEVELS.get(project.levels.get(user))
        access = {"access_level": level, "notification_level": 3} if level else None
        body["permissions"] = {"project_access": None, "group_access": access}
    return body


def _member(site, project, number):
    for user, level in project.levels.items():
        if str(site.id_of(user)) == number:
            return web.json_response({"username": user, "access_level": LEVELS[level]})
    return _not_found("Not")


def _commit(project, user, sha):
    if project.private and project.levels.get(user) == "guest":
        return web.json_response({"message": "403 Forbidden"}, status=403)
    try:
        full = project.repository.git("rev-parse", "--verify", f"{sha}^{{commit}}")
    except subprocess.CalledProcessError:
        return _not_found("Commit")
    return web.json_response({"id": full, "short_id": full[:8], "title": "A change"})


def _not_found(what):
    return web.json_response({"message": f"404 {what} Not Found"}, status=404)
