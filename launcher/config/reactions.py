"""Checks the settings of what happens on events; no error shows a secret."""

import base64
import binascii
import ipaddress
import re
import shutil
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from launcher.errors import ConfigError

# as in openapi.yaml
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SECRET_PREFIX = "whsec_"  # noqa: S105
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
_LEAST_BYTES, _MOST_BYTES = 24, 64


def check_on_event(value: Any, path: str) -> None:
    """Raise ConfigError unless it is None, a function, or a command that exists.

    `path` is where a program without a slash is looked for.
    """
    if value is None or (callable(value) and not isinstance(value, type)):
        return
    if not isinstance(value, list | tuple) or not value or not all(map(_is_argument, value)):
        raise ConfigError(
            "c.Launcher.on_event must be a function, or a command as a list of arguments, such as"
            ' ["/srv/build", "--notebook"].'
        )
    program = value[0]
    if "/" in program and not program.startswith("/"):
        raise ConfigError(
            f"c.Launcher.on_event begins with {program!r}: write an absolute path, or the name of"
            " a program in PATH."
        )
    if shutil.which(program, path=path) is None:
        raise ConfigError(
            f"c.Launcher.on_event begins with {program!r}, which does not exist, or which the"
            " launcher's account may not execute."
        )


def check_webhooks(value: Any) -> None:
    """Raise ConfigError unless it is a list of webhooks, all of them different."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, dict) for each in value):
        raise ConfigError(
            "c.Launcher.webhooks must be a list of dicts with `url`, `secret` and optionally"
            " `types`."
        )
    seen: dict[tuple[Any, ...], int] = {}
    for number, webhook in enumerate(value):
        name = f"c.Launcher.webhooks[{number}]"
        _check_webhook(webhook, name)
        types = webhook.get("types")
        key = (webhook["url"], None if types is None else tuple(sorted(set(types))))
        if key in seen:
            raise ConfigError(
                f"{name} has the same url and types as c.Launcher.webhooks[{seen[key]}]: remove"
                " one of them."
            )
        seen[key] = number


def _check_webhook(webhook: Mapping[Any, Any], name: str) -> None:
    if unknown := [key for key in webhook if key not in ("url", "types", "secret")]:
        raise ConfigError(
            f"{name} has the unknown key {str(unknown[0])[:64]!r}; the keys are url, secret and"
            " types."
        )
    if not _is_receiver(webhook.get("url")):
        raise ConfigError(
            f"{name} needs a url such as https://example.org/events: https, without a user name and"
            " a fragment, and with http only to the launcher's own machine."
        )
    if not _is_secret(webhook.get("secret")):
        raise ConfigError(
            f"{name} needs a secret: {SECRET_PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} bytes in"
            f' base64, such as the output of: echo "{SECRET_PREFIX}$(openssl rand -base64 32)".'
        )
    if "types" in webhook and not _are_types(webhook["types"]):
        raise ConfigError(
            f'{name}.types must be a list of types of events, such as ["save-notebook"]; without'
            " it, all events are sent."
        )


def _is_argument(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _is_receiver(url: Any) -> bool:
    if not isinstance(url, str) or not re.fullmatch(r"[\x21-\x7e]+", url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
        if not host or parts.port == 0 or "@" in parts.netloc or "#" in url:
            return False
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_secret(secret: Any) -> bool:
    if not isinstance(secret, str) or not secret.startswith(SECRET_PREFIX):
        return False
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return _LEAST_BYTES <= len(key) <= _MOST_BYTES


def _are_types(types: Any) -> bool:
    if not isinstance(types, list | tuple | set | frozenset) or not types:
        return False
    names: Iterable[Any] = types
    return all(isinstance(name, str) and _TYPE.fullmatch(name) for name in names)
