"""Whether the caller of an operation teaches or takes part."""

from launcher.api import here
from launcher.hub.users import Identity
from launcher.workshops import people
from launcher.workshops.people import Viewer


def viewer_of(user: Identity) -> Viewer:
    """The caller as somebody who looks at workshops and notebooks; raises Forbidden."""
    return people.viewer(user, here().settings.teacher_groups)
