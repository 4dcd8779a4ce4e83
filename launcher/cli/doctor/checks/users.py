"""Who may use the launcher."""

from contextlib import suppress
from typing import Any

from launcher import readiness
from launcher.cli.doctor.results import Outcome, Result, Skip, failed, lines, ok, skipped
from launcher.cli.doctor.site import Site
from launcher.errors import HubUnavailable
from launcher.hub.version import FILTERS_TOKENS
from launcher.outbound import OutboundError, Response

NAME = "users"

# of the token that is made for the check, should it not be removed
SECONDS = 60


class NoToken(Exception):
    """The hub makes no token of the user for the launcher."""


async def check(site: Site) -> Result:
    """Whether the named user may use the launcher; what can be said of all when none is named."""
    await site.identity
    if site.user:
        return await _named(site)
    return skipped(
        f"{await _served(site)} No API of JupyterHub lists the holders of a scope:"
        " `launcher doctor --user NAME` checks one user."
    )


async def _served(site: Site) -> str:
    """Whom the launcher serves, as far as its own scopes and settings tell."""
    filters = await _filters(site)
    who = f"Everybody with the scope {_scope(site)} may use the launcher"
    if not site.settings.strict_scopes:
        who += "; who signs in with a password needs no scope (c.Launcher.strict_scopes)"
    within = f" The launcher's own scope tokens is limited to {', '.join(filters)}."
    return f"{who}.{within if filters else ''}"


def _scope(site: Site) -> str:
    return f"access:services!service={site.settings.service_name}"


async def _named(site: Site) -> Result:
    if "tokens" in readiness.missing_scopes((await site.identity).scopes):
        return await _without_tokens(site)
    try:
        return await _named_by_tokens(site)
    except NoToken:
        return await _out_of_reach(site)


async def _without_tokens(site: Site) -> Result:
    """The result if the service has no scope tokens, with the role that lets the doctor check."""
    sentence = "Checking a user requires the scope tokens, which the launcher's token lacks."
    if not site.settings.hook_token:
        return skipped(f"{sentence} The check scopes says how to add it.")
    known, service = await site.version, site.settings.service_name
    scope = f"tokens!user={site.user}" if known and known >= FILTERS_TOKENS else "tokens"
    fix = lines(
        "# jupyterhub_config.py, at its end; remove it after the check",
        f'role = {{"name": "doctor", "services": ["{service}"], "scopes": ["{scope}"]}}',
        "c.JupyterHub.load_roles.append(role)",
    )
    return Result(
        Outcome.SKIPPED,
        f"{sentence} With the spawn hook it is needed for this check alone: add it, restart the hub"
        " and run the doctor again.",
        fix,
    )


async def _named_by_tokens(site: Site) -> Result:
    """What tokens of the user tell; raises NoToken."""
    if not await _may_have(site, _scope(site)):
        return failed(
            f"{site.user} does not have the scope {_scope(site)}, which a token needs.",
            _user_role(site),
        )
    if not await _may_have(site, f"access:servers!server={site.user}/"):
        return failed(f"{site.user} may not use their own server.", _user_role(site))
    return ok(f"{site.user} may use the launcher, and the launcher the server of {site.user}.")


async def _out_of_reach(site: Site) -> Result:
    """The result for a user of whom the launcher may make no token, so that launches fail."""
    filters = await _filters(site)
    reason = f"not within the filter of the scope tokens ({', '.join(filters)})"
    groups = [name.removeprefix("group=") for name in filters if name.startswith("group=")]
    group = f'"{groups[0]}": {{"users": ["{site.user}"]}},' if groups else ""
    return failed(
        f"The launcher may make no token for the server of {site.user}: the hub does not know the"
        f" user{f', or the user is {reason}' if filters else ''}.",
        lines("# jupyterhub_config.py, in c.JupyterHub.load_groups", group) if group else "",
    )


async def _filters(site: Site) -> list[str]:
    """What limits the launcher's scope tokens, such as group=students."""
    scopes = (await site.identity).scopes
    return sorted(scope.split("!")[1] for scope in scopes if scope.startswith("tokens!"))


def _user_role(site: Site) -> str:
    return lines(
        "# jupyterhub_config.py, in c.JupyterHub.load_roles",
        f'{{"name": "user", "scopes": ["self", "{_scope(site)}"]}},',
    )


async def _may_have(site: Site, scope: str) -> bool:
    """Whether the hub makes a token of the user with that scope; it is removed at once."""
    wanted = {"scopes": [scope], "expires_in": SECONDS, "note": "launcher doctor"}
    answer = await _ask(site, "POST", json=wanted)
    if answer.status in (200, 201):
        await _remove(site, answer)
        return True
    if answer.status == 403:
        raise NoToken
    # 400: "Not assigning requested scopes … not held by …"
    return False


async def _remove(site: Site, answer: Response) -> None:
    with suppress(OutboundError, KeyError, TypeError):
        await _ask(site, "DELETE", str(answer.json()["id"]))


async def _ask(site: Site, method: str, *segments: str, **options: Any) -> Response:
    try:
        return await site.hub.call(
            method, "users", site.user, "tokens", *segments, kind="hub.token", **options
        )
    except HubUnavailable as error:
        raise Skip(error.detail) from error
