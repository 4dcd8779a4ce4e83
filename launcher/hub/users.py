"""The owner of a token, and the scopes of the token."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from launcher.hub import Hub, refused
from launcher.outbound import OutboundError, Response


@dataclass(frozen=True)
class Identity:
    """The owner of a credential at the hub; `kind` is user or service."""

    name: str
    kind: str
    scopes: frozenset[str]
    admin: bool
    hub_session: str = field(default="", repr=False)
    """The browser's session at the hub that made the token; '' if none did."""
    groups: frozenset[str] = frozenset()
    """The hub's groups of the user, as far as the credential may read them."""

    @property
    def is_service(self) -> bool:
        """Whether the owner is a service, which launches on behalf of users."""
        return self.kind != "user"

    @property
    def may_administer(self) -> bool:
        """Whether the owner is a user who is an administrator."""
        return self.admin and not self.is_service


def from_model(hub: Hub, model: Mapping[str, Any]) -> Identity:
    """The identity in a user model of the hub; raises HubUnavailable."""
    try:
        name, kind, scopes = model["name"], model["kind"], model["scopes"]
        if not (_is_name(name) and isinstance(kind, str) and _are_scopes(scopes)):
            raise hub.unavailable()
    except (KeyError, TypeError) as error:
        raise hub.unavailable() from error
    # the token's scopes count; the model's flag `admin` is the user's, not the token's
    admin, session, groups = "admin:servers" in scopes, model.get("session_id"), model.get("groups")
    return Identity(
        name,
        kind,
        frozenset(scopes),
        admin,
        session if isinstance(session, str) else "",
        frozenset(filter(_is_name, groups)) if isinstance(groups, list) else frozenset(),
    )


def _is_name(value: object) -> bool:
    """Whether the value can be stored as a user's name, of at most 255 characters."""
    return isinstance(value, str) and bool(re.fullmatch(r"[^\x00\ud800-\udfff]{1,255}", value))


def _are_scopes(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(scope, str) for scope in value)


def from_answer(hub: Hub, answer: Response) -> Identity | None:
    """The identity in the response to `GET /user`, None if it is 401 or 403.

    Raises HubUnavailable.
    """
    if answer.status in (401, 403):
        return None
    if answer.status != 200:
        raise hub.unavailable(f"it responds with status {answer.status}")
    try:
        return from_model(hub, answer.json())
    except OutboundError as error:
        raise hub.unavailable(str(error)) from error


async def identify(hub: Hub, token: str) -> Identity | None:
    """The owner of the token, None if the hub does not know it; raises HubUnavailable."""
    return from_answer(hub, await hub.call("GET", "user", kind="hub.identify", token=token))


async def identify_launcher(hub: Hub) -> Identity:
    """The identity of the launcher itself; raises HubUnavailable, HubRefused."""
    identity = await identify(hub, hub.token)
    if identity is None:
        raise refused()
    return identity
