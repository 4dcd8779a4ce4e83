"""Who a token belongs to, and what it may do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.hub import Hub, refused
from launcher.outbound import OutboundError, Response


@dataclass(frozen=True)
class Identity:
    """Whom the hub knows by a credential: `kind` is user or service."""

    name: str
    kind: str
    scopes: frozenset[str]
    admin: bool

    @property
    def is_service(self) -> bool:
        """Whether it is the token of a service: services act on behalf of users."""
        return self.kind != "user"

    @property
    def may_administer(self) -> bool:
        """Whether a user may do what administrators may; a service never may."""
        return self.admin and not self.is_service


def from_model(hub: Hub, model: Mapping[str, Any]) -> Identity:
    """The identity in a user model of the hub; raises HubUnavailable."""
    try:
        name, kind, scopes = model["name"], model["kind"], model["scopes"]
        if not (_is_name(name) and isinstance(kind, str) and _are_scopes(scopes)):
            raise hub.unavailable()
    except (KeyError, TypeError) as error:
        raise hub.unavailable() from error
    # scopes say what one may do; the model's flag `admin` does not
    return Identity(name, kind, frozenset(scopes), admin="admin:servers" in scopes)


def _is_name(value: object) -> bool:
    """Whether that can be stored as a user's name, which has at most 255 characters."""
    return isinstance(value, str) and bool(re.fullmatch(r"[^\x00\ud800-\udfff]{1,255}", value))


def _are_scopes(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(scope, str) for scope in value)


def from_answer(hub: Hub, answer: Response) -> Identity | None:
    """Whom the hub's answer to `GET /user` is about, None when nobody; raises HubUnavailable."""
    if answer.status in (401, 403):
        return None
    if answer.status != 200:
        raise hub.unavailable(f"it answers with status {answer.status}")
    try:
        return from_model(hub, answer.json())
    except OutboundError as error:
        raise hub.unavailable(str(error)) from error


async def identify(hub: Hub, token: str) -> Identity | None:
    """Whose token it is, None when nobody's; raises HubUnavailable."""
    return from_answer(hub, await hub.call("GET", "user", kind="hub.identify", token=token))


async def identify_launcher(hub: Hub) -> Identity:
    """Who the launcher itself is; raises HubUnavailable, HubRefused."""
    identity = await identify(hub, hub.token)
    if identity is None:
        raise refused()
    return identity
