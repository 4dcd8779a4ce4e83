"""GitLab as the place where people sign in to a hub: OAuth 2 with PKCE, beside its API."""

import base64
import hashlib
import itertools
import secrets
from urllib.parse import urlencode

import fake_gitlab
from aiohttp import web

# the cookie of somebody who is signed in at this GitLab
SESSION = "_gitlab_session"


class GitLabSignIn:
    """An `api` of a `GitSite` with one OAuth application.

    https://docs.gitlab.com/api/oauth2/#authorization-code-with-proof-key-for-code-exchange-pkce
    """

    def __init__(self) -> None:
        self.client_id = "the-hub"
        self.client_secret = secrets.token_hex(16)
        self.redirect_uri = ""
        self.given: dict[str, list[str]] = {}
        """The access tokens of each user, the newest last."""
        self._codes: dict[str, tuple[str, str]] = {}
        """The user and the PKCE challenge of each code."""
        self._refreshing: dict[str, tuple[str, str]] = {}
        """The user and the access token of each refresh token."""
        self._numbers = itertools.count()

    async def answer(self, site, request):
        """The response to a request for what is not git."""
        if request.path == "/oauth/authorize":
            return self._authorize(request)
        if request.path == "/oauth/token" and request.method == "POST":
            return self._token(site, await request.post())
        return await fake_gitlab.answer(site, request)

    def expire(self, site, user) -> None:
        """End the user's access tokens, as GitLab does after two hours."""
        for token in self.given[user]:
            site.tokens.pop(token, None)

    def _authorize(self, request):
        asked, user = request.query, request.cookies.get(SESSION)
        if not user:
            return web.Response(status=302, headers={"Location": "/users/sign_in"})
        known = (asked["client_id"], asked["redirect_uri"]) == (self.client_id, self.redirect_uri)
        if not known or asked["response_type"] != "code":
            return web.Response(status=401, text="Client authentication failed")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(16)
        self._codes[code] = user, asked["code_challenge"]
        back = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=302, headers={"Location": f"{self.redirect_uri}?{back}"})

    def _token(self, site, form):
        if (form["client_id"], form["client_secret"]) != (self.client_id, self.client_secret):
            return _refused("invalid_client", 401)
        if form["grant_type"] == "refresh_token":
            return self._refresh(site, form["refresh_token"])
        user, challenge = self._codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        sent = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not user or sent != challenge or form["redirect_uri"] != self.redirect_uri:
            return _refused("invalid_grant", 400)
        return self._give(site, user)

    def _refresh(self, site, token):
        """A refresh token works once, and ends the access token."""
        user, access = self._refreshing.pop(token, ("", ""))
        if not user:
            return _refused("invalid_grant", 400)
        site.tokens.pop(access, None)
        return self._give(site, user)

    def _give(self, site, user):
        access, refresh = f"oauth-{next(self._numbers)}-of-{user}", secrets.token_hex(16)
        site.tokens[access] = user
        self._refreshing[refresh] = user, access
        self.given.setdefault(user, []).append(access)
        body = {"access_token": access, "token_type": "Bearer", "refresh_token": refresh}
        return web.json_response({**body, "expires_in": 7200, "scope": "api"})


def _refused(error, status):
    described = {"error": error, "error_description": "It is not valid."}
    return web.json_response(described, status=status)
