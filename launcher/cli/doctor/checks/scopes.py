"""The scopes that the launcher needs, and lacks."""

from launcher import readiness
from launcher.cli.doctor.results import Result, failed, lines, ok
from launcher.cli.doctor.site import Site
from launcher.hub.version import FILTERS_TOKENS

NAME = "scopes"
GROUP = "launcher-users"


def role(service: str, *scopes: str) -> str:
    """The role for jupyterhub_config.py that gives the service these scopes and no others."""
    listed = ", ".join(f'"{scope}"' for scope in scopes)
    return lines(
        "# jupyterhub_config.py, in c.JupyterHub.load_roles: the service's only role",
        f'{{"name": "launcher", "services": ["{service}"], "scopes": [{listed}]}},',
    )


def _mints(site: Site) -> bool:
    """Whether the launcher makes tokens for servers: the spawn hook hands over their own."""
    return not site.settings.hook_token


def needed(site: Site) -> tuple[str, ...]:
    """The scopes that the launcher's role needs."""
    return ("servers", "tokens") if _mints(site) else ("servers",)


async def check(site: Site) -> Result:
    """Whether the token may start servers and make tokens for them."""
    identity = await site.identity
    mints = _mints(site)
    if missing := readiness.missing_scopes(identity.scopes, mints_tokens=mints):
        sentence = f"The launcher's token lacks the scope {' and '.join(missing)}."
        return failed(sentence, role(site.settings.service_name, *needed(site)))
    if not mints:
        return ok("The token may start servers; the spawn hook hands over the servers' tokens.")
    known = await site.version
    if "tokens" not in identity.scopes and known and known < FILTERS_TOKENS:
        return failed(
            f"JupyterHub {'.'.join(map(str, known))} does not support the filter of the scope"
            " tokens; 5.5.3 and later do. Update it, or leave the filter out.",
            role(site.settings.service_name, *needed(site)),
        )
    return ok("The token may start servers and make tokens for them.")
