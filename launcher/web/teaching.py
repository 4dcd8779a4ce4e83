"""Whether a visitor of a page teaches or takes part."""

from starlette.requests import Request

from launcher.web import pages
from launcher.web.visitors import Visitor
from launcher.workshops import people
from launcher.workshops.people import Viewer


def viewer_of(request: Request, visitor: Visitor) -> Viewer:
    """The visitor as somebody who looks at workshops and notebooks."""
    return people.viewer(visitor.identity, pages.settings_of(request).teacher_groups)
