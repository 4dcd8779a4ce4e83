"""Hands the access tokens of sign-ins at git hosts over to the launcher.

A user's private projects are read with the token that the hub's authenticator keeps in its
`auth_state`, as OAuthenticator does. A launcher that is away never makes a sign-in or a start fail.
"""

import inspect
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from jupyterhub.auth import Authenticator

from launcher.jupyterhub.transport import Certificates, LauncherAway, Refused, ask

log = logging.getLogger("jupyterhub.launcher")

SECONDS = 3.0
# after the launcher has said that it has no such git host
PAUSE_SECONDS = 600.0
Hook = Callable[[Any, Any, Any], Any]
# of oauthenticator's GitLabOAuthenticator and GitHubOAuthenticator
_URLS = ("gitlab_url", "github_url")


class GitTokens:
    """Knows the git host at which users sign in, and hands over their tokens for it."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        git_host: str = "",
        certificates: "Certificates | None" = None,
    ) -> None:
        """`url` is the launcher's, with its prefix.

        Without `git_host`, the URL of the host is that of the authenticator.
        """
        self._url = url
        self._secret = secret
        self._git_host = git_host
        self._certificates = certificates
        self._paused_until = 0.0
        self._last: tuple[str, str | None] | None = None
        """What was handed over last: JupyterHub calls two hooks at a sign-in."""

    def __repr__(self) -> str:
        return f"GitTokens({self._url!r})"

    def __deepcopy__(self, memo: Any) -> "GitTokens":
        """Itself: traitlets copies the values of settings, and all copies share the pause."""
        return self

    async def at_sign_in(self, authenticator: Any, model: "dict[str, Any]") -> None:
        """Hand over the token of a user who signed in; without one, an earlier one is deleted."""
        if authenticator.enable_auth_state:
            token = token_in(model.get("auth_state"))
            await self._hand_over(authenticator, model["name"], token)

    async def at_refresh(self, authenticator: Any, user: str, token: "str | None") -> None:
        """Hand over the token with which the hub replaced an expired one, unless it was before."""
        if token and (user, token) != self._last:
            await self._hand_over(authenticator, user, token)

    async def at_spawn(self, spawner: Any) -> None:
        """Hand over the token that the hub has of the server's user, if there is one."""
        authenticator = spawner.authenticator
        if not self._host(authenticator) or not authenticator.enable_auth_state:
            return
        if token := token_in(await spawner.user.get_auth_state()):
            await self._hand_over(authenticator, spawner.user.name, token)

    def _host(self, authenticator: Any) -> str:
        """The URL of the git host; '' if users sign in elsewhere, or after a 404 for a while."""
        if time.monotonic() < self._paused_until:
            return ""
        found = [str(getattr(authenticator, name, "")) for name in _URLS]
        return self._git_host or next(filter(None, found), "")

    async def _hand_over(self, authenticator: Any, user: str, token: "str | None") -> None:
        host = self._host(authenticator)
        if not host:
            return
        self._last = user, token
        try:
            await ask(
                f"{self._url}/hub/users/{quote(user, safe='@~')}/git-token",
                self._secret,
                {"url": host, "token": token},
                method="PUT",
                seconds=SECONDS,
                certificates=self._certificates,
            )
        except (LauncherAway, Refused) as error:
            self._log(error, user, host)

    def _log(self, error: "LauncherAway | Refused", user: str, host: str) -> None:
        if error.status == 404:
            if not self._paused_until:
                log.warning("%s is none of the launcher's git hosts: it gets no tokens", host)
            self._paused_until = time.monotonic() + PAUSE_SECONDS
        else:
            log.warning("the token of %s for %s was not handed over: %s", user, host, error)


def token_in(auth_state: Any) -> "str | None":
    """The access token in an `auth_state`; None if there is none."""
    token = auth_state.get("access_token") if isinstance(auth_state, Mapping) else None
    return token if isinstance(token, str) and token else None


class PostAuthHook:
    """A `post_auth_hook`; another hook of the site runs first, and its result is returned."""

    def __init__(self, git_tokens: GitTokens, earlier: "Hook | None") -> None:
        self._git_tokens = git_tokens
        self._earlier = earlier

    async def __call__(self, authenticator: Any, handler: Any, model: Any) -> Any:
        """Hand the token of the sign-in over; returns the model of the user who signs in.

        JupyterHub has let the user in and normalized the name. Without a model it refuses the
        sign-in.
        """
        if self._earlier is not None:
            model = await _result(self._earlier(authenticator, handler, model))
        if model:
            await self._git_tokens.at_sign_in(authenticator, model)
        return model


class ReconcileHook:
    """A `reconcile_auth_state_hook`, which JupyterHub 6.1 calls at each refresh, too.

    The tokens of GitLab expire after two hours, and the hub refreshes them.
    """

    def __init__(self, git_tokens: GitTokens, earlier: "Hook | None") -> None:
        self._git_tokens = git_tokens
        self._earlier = earlier

    async def __call__(self, authenticator: Any, model: Any, existing: Any) -> Any:
        """Hand a new token over; returns the `auth_state` that the hub stores."""
        state = model["auth_state"]
        if self._earlier is not None:
            state = await _result(self._earlier(authenticator, model, existing))
        if token_in(state) != token_in(existing):
            await self._git_tokens.at_refresh(authenticator, model["name"], token_in(state))
        return state


async def _result(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


_HOOKS = {"post_auth_hook": PostAuthHook, "reconcile_auth_state_hook": ReconcileHook}


def install(c: Any, git_tokens: GitTokens) -> None:
    """Set the hooks in all sections of the configuration that have one of the site."""
    for name, kind in _HOOKS.items():
        if not hasattr(Authenticator, name):
            continue
        c.Authenticator.setdefault(name, None)
        for section in c.values():
            if isinstance(section, dict) and name in section:
                section[name] = kind(git_tokens, section[name])
