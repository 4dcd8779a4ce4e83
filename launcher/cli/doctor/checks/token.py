"""The launcher's token."""

from launcher.cli.doctor.results import Result, failed, lines, ok, warning
from launcher.cli.doctor.site import HubFails, Site, UnknownToken

NAME = "token"


async def check(site: Site) -> Result:
    """Whether the hub knows the token, and as that of the launcher's service."""
    wanted = site.settings.service_name
    try:
        identity = await site.identity
    except UnknownToken:
        return failed(
            "The hub does not know the launcher's token (JUPYTERHUB_TOKEN).", _service(wanted)
        )
    except HubFails as error:
        return failed(f"The hub's response does not identify the owner of the token. {error}")
    if identity.kind != "service":
        return warning(
            f"The token belongs to the {identity.kind} {identity.name}. It ends with that account:"
            " use the token of a service.",
            _service(wanted),
        )
    if identity.name != wanted:
        return warning(
            f"The token belongs to the service {identity.name}, and the launcher's is called"
            f" {wanted}: users need the scope access:services!service={wanted}.",
            lines("# launcher_config.py", f"c.Launcher.service_name = {identity.name!r}"),
        )
    return ok(f"The hub knows the token as that of the service {identity.name}.")


def _service(name: str) -> str:
    return lines(
        "# jupyterhub_config.py, in c.JupyterHub.services",
        f'{{"name": "{name}", "api_token": "<JUPYTERHUB_TOKEN; make one: openssl rand -hex 24>"}},',
    )
