"""Static files: the launcher's own, and the style sheet of the installed JupyterHub."""

import functools
import hashlib
import mimetypes
import os
from pathlib import Path

from jupyterhub._data import DATA_FILES_PATH
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

OWN = Path(__file__).with_name("static")
_ICONS = "components/@fortawesome/fontawesome-free"
# the look of the hub's own pages: Bootstrap 5, and the icons that its style sheet imports
HUB = {
    f"jupyterhub/{path}": f"static/{path}"
    for path in (
        "css/style.min.css",
        f"{_ICONS}/css/fontawesome.css",
        f"{_ICONS}/css/solid.css",
        f"{_ICONS}/webfonts/fa-solid-900.woff2",
        "favicon.ico",
        "images/jupyterhub-80.png",
    )
}
# pages of portals on other hosts load these
FOR_PORTALS = {"launcher.js", "poll.js", "badge.svg"}
# and the preview's frame, whose sandbox makes it another origin, this one
FOR_FRAMES = {"notebook.css"}

_YEAR = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def routes(prefix: str) -> list[BaseRoute]:
    """The routes of the static files, below static/."""
    return [Route(f"{prefix}/static/{{name:path}}", _file)]


@functools.lru_cache(maxsize=64)
def url(prefix: str, name: str) -> str:
    """The address of a file, which changes with its content; raises KeyError."""
    digest = hashlib.sha256(_path(name).read_bytes()).hexdigest()[:12]
    return f"{prefix}/static/{name}?v={digest}"


def _path(name: str) -> Path:
    """The path of a file that is served; raises KeyError."""
    if name in HUB:
        return Path(DATA_FILES_PATH) / HUB[name]
    if name not in os.listdir(OWN):
        raise KeyError(name)
    return OWN / name


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    try:
        path = _path(name)
    except KeyError as error:
        raise HTTPException(404) from error
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Cache-Control": _YEAR if "v" in request.query_params else "no-cache"}
    if name in FOR_PORTALS:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        headers["Cache-Control"] = "public, max-age=600"
    elif name in FOR_FRAMES:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return FileResponse(path, media_type=kind, headers=headers)
