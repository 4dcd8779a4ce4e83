"""What the launcher's token allows beyond what the launcher needs."""

from launcher import readiness
from launcher.cli.doctor.checks.scopes import GROUP, needed, role
from launcher.cli.doctor.results import Outcome, Result, lines, ok, warning
from launcher.cli.doctor.site import Site
from launcher.hub.version import FILTERS_TOKENS

NAME = "privileges"

# what these allow matters most, in this order
WORST = ("admin:users", "admin:servers", "access:servers", "users", "groups", "proxy", "shutdown")
SHOWN = 3


async def check(site: Site) -> Result:
    """Whether somebody who steals the token could do more than launch."""
    scopes = (await site.identity).scopes
    service = site.settings.service_name
    if extra := readiness.extra_scopes(scopes):
        status = Outcome.FAILED if site.settings.strict_scopes else Outcome.WARNING
        return Result(status, _too_many(extra), role(service, *needed(site)))
    if "tokens" not in scopes:
        return ok("The token allows no more than the launcher needs.")
    return _unfiltered(service, await site.version)


def _unfiltered(service: str, version: tuple[int, int, int] | None) -> Result:
    if version and version < FILTERS_TOKENS:
        return warning(
            f"{readiness.UNFILTERED} JupyterHub 5.5.3 and later support a group as its filter."
        )
    return warning(
        f"{readiness.UNFILTERED} Give it for a group of those who launch.",
        lines(
            role(service, "servers", f"tokens!group={GROUP}"),
            "# jupyterhub_config.py, unless the hub has such a group already",
            f'c.JupyterHub.load_groups = {{"{GROUP}": {{"users": ["alice", "bob"]}}}}',
        ),
    )


def _too_many(extra: list[str]) -> str:
    from jupyterhub.scopes import scope_definitions

    ranked = sorted(extra, key=lambda name: WORST.index(name) if name in WORST else len(WORST))
    shown = [_described(name, scope_definitions) for name in ranked[:SHOWN]]
    more = len(ranked) - SHOWN
    rest = f", and {more} more" if more > 0 else ""
    return f"The token allows more than the launcher needs: {', '.join(shown)}{rest}."


def _described(name: str, definitions: dict[str, dict[str, str]]) -> str:
    said = definitions.get(name, {}).get("description", "").partition(".")[0]
    return f"{name} ({said[:1].lower()}{said[1:]})" if said else name
