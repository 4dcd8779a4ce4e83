"""Who sees the events and notebooks of whom."""

from collections.abc import Iterable
from dataclasses import dataclass

from launcher.errors import Forbidden
from launcher.hub.users import Identity

# a custom scope (c.JupyterHub.custom_scopes) for services that see and report all events
EVENTS = "custom:launcher:events"


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks at events: a participant sees their own, a teacher sees all."""

    name: str
    sees_all: bool

    def whose(self, named: str | None) -> str | None:
        """The user whose events are asked for, None for all; raises Forbidden."""
        if self.sees_all or named == self.name:
            return named
        if named is None:
            return self.name
        raise Forbidden(
            "Only a teacher, an administrator or a service with the scope"
            f" {EVENTS} may see or report what other users do."
        )

    def may_see(self, user: str) -> bool:
        """Whether what that user does may be seen."""
        return self.sees_all or user == self.name


def viewer(identity: Identity, teacher_groups: Iterable[str]) -> Viewer:
    """The owner of a credential as somebody who looks at events; raises Forbidden."""
    if identity.is_service:
        if EVENTS not in identity.scopes:
            raise Forbidden(f"A service needs the scope {EVENTS} for this.")
        return Viewer(identity.name, sees_all=True)
    teaches = not identity.groups.isdisjoint(teacher_groups)
    return Viewer(identity.name, sees_all=teaches or identity.may_administer)
