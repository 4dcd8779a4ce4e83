"""`configure(c, system=…)` for jupyterhub_config.py."""

import inspect
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jupyterhub

from launcher.jupyterhub.batchspawner import close_holes
from launcher.jupyterhub.git_tokens import GitTokens, install
from launcher.jupyterhub.hook import SpawnHook
from launcher.jupyterhub.server_logs import ServerLogs, serve_logs
from launcher.jupyterhub.transport import Certificates

SERVER_SCOPE = "custom:launcher:server"
# what JupyterHub gives a server's token by itself (jupyterhub.roles, role `server`)
_SERVER_SCOPES = ("users:activity!user", "access:servers!server")
HOOK_TOKEN = "LAUNCHER_HOOK_TOKEN"  # noqa: S105 - the name of a variable


class NotConfigured(Exception):
    """An argument of `configure` is missing or wrong."""


def configure(
    c: Any,
    system: "str | Callable[[Any], str]",
    *,
    service: str = "launcher",
    url: str = "http://127.0.0.1:8888",
    managed: bool = True,
    command: "Sequence[str] | None" = None,
    api_token: "str | None" = None,
    hook_token: "str | None" = None,
    on_unavailable: str = "fail",
    timeout: float = 30.0,
    allowed_environment: Sequence[str] = (),
    git_host: str = "",
    log_directory: "str | None" = "launcher-logs",
    groups: Sequence[str] = (),
) -> None:
    """Add the launcher to a hub: its service, its roles, and the hooks of starts and sign-ins.

    `system` is the name of the system that servers start on, or a function of the spawner. A
    `managed` launcher is started by the hub with `command`; another one needs its `api_token`, and
    LAUNCHER_HOOK_TOKEN in the environment of both. `url` is where it listens, without a prefix.
    `git_host` is the URL of the git host at which users sign in, if the authenticator has neither
    gitlab_url nor github_url: their access tokens are handed over to the launcher, which reads
    their projects with them. The output of servers is kept in `log_directory`, which is below the
    hub's working directory; None keeps none. `groups` are groups of the hub whose members the
    launcher may look up: those that take part in workshops. Raises NotConfigured.
    """
    if isinstance(groups, str):
        raise NotConfigured("groups must be a list of names, such as groups=['python-2026'].")
    if on_unavailable not in ("fail", "default"):
        raise NotConfigured("on_unavailable must be 'fail' or 'default'.")
    if git_host and not git_host.startswith("https://"):
        raise NotConfigured("git_host must be a URL that begins with https://.")
    check_failure_limit(c, on_unavailable, jupyterhub.version_info[:2])
    if managed:
        check_internal_ssl(c, url, jupyterhub.version_info[:2])
    secret = hook_token or os.environ.get(HOOK_TOKEN) or (secrets.token_hex(24) if managed else "")
    if not secret:
        raise NotConfigured(
            f"Set {HOOK_TOKEN} in the environment of the hub and of the launcher to the same secret"
            " (openssl rand -hex 24)."
        )
    _append(c.JupyterHub, "services", _service(service, url, managed, command, api_token, secret))
    _add_roles(c, service, groups)
    _add_server_scope(c)
    close_holes()
    prefix = "/".join(["", *filter(None, (_base_url(c).strip("/"), "services", service))])
    own_url, certificates = f"{url.rstrip('/')}{prefix}", _certificates(c)
    tokens = GitTokens(own_url, secret, git_host=git_host, certificates=certificates)
    install(c, tokens)
    logs = ServerLogs(secret, Path(log_directory).absolute() if log_directory else None)
    serve_logs(logs)
    c.Spawner.pre_spawn_hook = SpawnHook(
        url=own_url,
        secret=secret,
        system=system,
        on_unavailable=on_unavailable,
        timeout=timeout,
        earlier=c.Spawner.get("pre_spawn_hook", None),
        allowed_environment=tuple(allowed_environment),
        certificates=certificates,
        git_tokens=tokens,
        logs=logs,
    )


def _base_url(c: Any) -> str:
    """The hub's base URL, which may be the path of its bind_url."""
    bound = urlsplit(str(c.JupyterHub.get("bind_url", ""))).path
    return str(c.JupyterHub.get("base_url") or bound)


def check_failure_limit(c: Any, on_unavailable: str, version: "tuple[int, ...]") -> None:
    """Raise NotConfigured if refused starts would end a hub of that version.

    JupyterHub 5 counts them as failures, 6 does not.
    """
    sections = [each for each in c.values() if isinstance(each, Mapping)]
    limited = any(each.get("consecutive_failure_limit") for each in sections)
    if version[0] < 6 and limited and on_unavailable == "fail":
        raise NotConfigured(
            "This JupyterHub counts starts that the launcher refuses among the failures after which"
            " it ends (c.Spawner.consecutive_failure_limit). Set that to 0, or call configure with"
            " on_unavailable='default'."
        )


def check_internal_ssl(c: Any, url: str, version: "tuple[int, ...]") -> None:
    """Raise NotConfigured if a hub of that version would end when it starts a service at the URL.

    JupyterHub 6 looks for the service with the TLS context of its own server, which cannot connect.
    """
    broken = (6, 0) <= version < (6, 2)
    if broken and url.startswith("https:") and c.JupyterHub.get("internal_ssl", False):
        raise NotConfigured(
            "With internal_ssl, this JupyterHub ends when it starts a service with an https url."
            " Give configure an http url with a loopback address, or managed=False."
        )


def _service(
    name: str,
    url: str,
    managed: bool,
    command: "Sequence[str] | None",
    api_token: "str | None",
    secret: str,
) -> "dict[str, Any]":
    entry: dict[str, Any] = {"name": name, "url": url, "oauth_no_confirm": True}
    if managed:
        entry["command"] = list(command or (sys.executable, "-m", "launcher", "serve"))
        entry["environment"] = {HOOK_TOKEN: secret}
    elif not api_token:
        raise NotConfigured("A launcher that the hub does not manage needs its api_token.")
    if api_token:
        entry["api_token"] = api_token
    return entry


def _add_roles(c: Any, service: str, groups: Sequence[str]) -> None:
    """The launcher starts servers; users may use the launcher, and lend it to their servers."""
    scopes = ["servers", *(f"read:groups!group={group}" for group in groups)]
    own = {"name": service, "services": [service], "scopes": scopes}
    _append(c.JupyterHub, "load_roles", own)
    needed = [f"access:services!service={service}", SERVER_SCOPE]
    roles = c.JupyterHub.get("load_roles", [])
    user = next((role for role in roles if role["name"] == "user"), None)
    if user is None:
        _append(c.JupyterHub, "load_roles", {"name": "user", "scopes": ["self", *needed]})
    else:
        user["scopes"] = list(dict.fromkeys([*user.get("scopes", ["self"]), *needed]))


def _add_server_scope(c: Any) -> None:
    """Code in a server may report that server's events and progress, and nothing else."""
    scopes = dict(c.JupyterHub.get("custom_scopes", {}))
    scopes[SERVER_SCOPE] = {"description": "Act for one server at the launcher"}
    c.JupyterHub.custom_scopes = scopes
    own = c.Spawner.get("server_token_scopes", [])
    if callable(own):
        c.Spawner.server_token_scopes = _with_server_scope(own)
    else:
        c.Spawner.server_token_scopes = [*(own or _SERVER_SCOPES), SERVER_SCOPE]


def _with_server_scope(own: "Callable[[Any], Any]") -> "Callable[[Any], Any]":
    async def scopes(spawner: Any) -> "list[str]":
        found = own(spawner)
        return [*(await found if inspect.isawaitable(found) else found), SERVER_SCOPE]

    return scopes


def _certificates(c: Any) -> "Certificates | None":
    """The hub's own certificates, if it uses TLS towards its services."""
    if not c.JupyterHub.get("internal_ssl", False):
        return None
    folder = str(c.JupyterHub.get("internal_certs_location", "internal-ssl"))
    inner = os.path.join(folder, "hub-internal")
    return Certificates(
        key=os.path.join(inner, "hub-internal.key"),
        certificate=os.path.join(inner, "hub-internal.crt"),
        authority=os.path.join(folder, "hub-ca_trust.crt"),
    )


def _append(section: Any, name: str, entry: "dict[str, Any]") -> None:
    section[name] = [*section.get(name, []), entry]
