"""The page with the visitor's access tokens for git hosts: stored, and removed."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher import logs
from launcher.errors import BadRequest, NotFound
from launcher.parts import Parts
from launcher.projects.model import GitCredential, GitHost
from launcher.store.git_tokens import SIGN_IN, USER
from launcher.web import pages
from launcher.web.visitors import Visitor, changing, required

SOURCES = {
    USER: "You have stored a token.",
    SIGN_IN: "The token of your sign-in at the hub is used.",
    "": "There is no token: public projects only.",
}
_NOTHING = {"username": "", "token": ""}
# in the address after a change; shown as long as it is so
STORED, REMOVED = "stored", "removed"
_DONE = {
    STORED: "The token was stored. It is used from now on.",
    REMOVED: "The token was removed.",
}


@dataclass(frozen=True)
class _TokenProblem:
    """What somebody filled in for a host, but for the token, and why it is not stored."""

    host: GitHost
    username: str
    error: BadRequest

    @property
    def sentences(self) -> dict[str, str]:
        """The ends of sentences by the names of the fields."""
        found = {each["pointer"].removeprefix("/"): each["detail"] for each in self.error.errors}
        return {**_NOTHING, **found}


def routes(path: str) -> list[BaseRoute]:
    """The routes, below the path of the page Projects."""
    return [
        Route(f"{path}/tokens", pages.shown(show), methods=["GET"]),
        Route(f"{path}/tokens", pages.shown(change), methods=["POST"]),
    ]


async def show(request: Request) -> Response:
    """The page; a token is never shown."""
    return await _page(request, await required(request))


async def change(request: Request) -> Response:
    """Store or remove the visitor's token for a host."""
    visitor, sent = await changing(request)
    user, parts = visitor.identity.name, request.state.parts
    action, host = str(sent.get("action", "store")), _host(parts, str(sent.get("host", "")))
    if action == "store":
        # the form has what people paste, which ends with a space or a newline at times
        token, username = (str(sent.get(name, "")).strip() for name in ("token", "username"))
        try:
            credential = GitCredential(host.url, token, username)
        except BadRequest as error:
            return await _page(request, visitor, _TokenProblem(host, username, error))
        await parts.credentials.store_token(user, host, credential)
        logs.audit("git_token_stored", user=user, host=host.url)
        done = STORED
    elif action == "remove":
        await parts.credentials.remove(user, host)
        logs.audit("git_token_removed", user=user, host=host.url)
        done = REMOVED
    else:
        raise BadRequest("This button is not known. Nothing was changed.")
    return pages.redirect(request, "home", "projects", "tokens", query={done: host.url})


def _host(parts: Parts, url: str) -> GitHost:
    for host in parts.git_hosts:
        if host.url == url:
            return host
    raise NotFound("This is not one of the git hosts of this site any more.")


def _done(request: Request, host: GitHost, source: str) -> str:
    """What was done last with the token of a host, or ''."""
    done = STORED if source == USER else "" if source else REMOVED
    return _DONE[done] if done and request.query_params.get(done) == host.url else ""


async def _page(request: Request, visitor: Visitor, wrong: _TokenProblem | None = None) -> Response:
    """The page; with what is wrong beside its field."""
    parts: Parts = request.state.parts
    held = await parts.credentials.held(visitor.identity.name)
    return pages.page(
        request,
        "project_tokens.html",
        visitor=visitor,
        status=wrong.error.status if wrong else 200,
        hosts=[
            {
                "host": host,
                "id": number,
                "name": urlsplit(host.url).netloc,
                "source": held.get(host.url, ""),
                "words": SOURCES[held.get(host.url, "")],
                "done": _done(request, host, held.get(host.url, "")),
                "make": f"{host.url}/{host.provider.access_page}"
                if host.provider.access_page
                else "",
                "errors": wrong.sentences if wrong and host == wrong.host else _NOTHING,
                "username": wrong.username if wrong and host == wrong.host else "",
            }
            for number, host in enumerate(parts.git_hosts)
        ],
    )
